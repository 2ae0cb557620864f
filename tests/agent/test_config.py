import json
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from agent.config import AgentConfig, ConfigError, config_json_schema, describe_error, load_config
from agent.config_check import check_command
from agent.config_errors import Origin
from hal.codecs.rapi_values import PROTECTIONS

ROOT = Path(__file__).parents[2]
GOOD = """\
[station]
vendor = "Pilotline"
model = "Bench"
state_dir = "state"
supply_max_current_a = 32
phases = 3

[csms]
url = "ws://127.0.0.1:9000/ocpp"
identity = "CS 1/a"
password = "correct horse battery"

[[evse]]
id = 1
max_current_a = 16
[evse.board]
driver = "openevse"
port = "evse1/board"
[evse.meter]
driver = "modbus"
map = "eastron_sdm630"
port = "/dev/ttyS1"
unit = 1

[[evse]]
id = 2
max_current_a = 32
phases = 1
[evse.board]
driver = "openevse"
port = "/dev/ttyS2"
[evse.meter]
driver = "modbus"
map = "eastron_sdm120"
port = "/dev/ttyS1"
unit = 2

[[reader]]
driver = "line"
port = "/dev/ttyS3"
evses = [1]

[variables]
"OCPPCommCtrlr.HeartbeatInterval" = 300

[ocpp16_keys]
HeartbeatInterval = 300
"""


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def load(tmp_path: Path, text: str = GOOD, *, bench: bool = False) -> AgentConfig:
    return load_config(write(tmp_path / "agent.toml", text), bench=bench)


def refusal(tmp_path: Path, text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    return caught.value


def test_every_section_is_read(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert (config.station.vendor, config.station.supply_max_current_a) == ("Pilotline", 32)
    assert [evse.id for evse in config.evse] == [1, 2]
    assert config.evse[1].meter.unit == 2
    assert config.reader[0].evses == (1,)
    assert config.variables == {"OCPPCommCtrlr.HeartbeatInterval": 300}
    assert config.ocpp16_keys == {"HeartbeatInterval": 300}
    assert config.csms.ocpp_versions == ("2.0.1", "1.6")
    assert not config.recovery.resume_after_power_loss
    assert not config.bench


def test_the_same_files_give_equal_frozen_values(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config == load(tmp_path)
    assert config != load(tmp_path, GOOD.replace("Bench", "Other"))
    with pytest.raises(AttributeError):
        config.station.model = "Other"  # type: ignore[misc]  # the claim


def test_identity_is_appended_percent_encoded(tmp_path: Path) -> None:
    assert load(tmp_path).csms.endpoint == "ws://127.0.0.1:9000/ocpp/CS%201%2Fa"


def test_relative_paths_start_at_the_configuration_file(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.station.state_dir == tmp_path / "state"
    assert config.evse[0].board.port == tmp_path / "evse1/board"
    assert config.evse[0].meter.port == Path("/dev/ttyS1")


def test_an_evse_has_the_phases_of_the_supply_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert [evse.phases for evse in load(tmp_path).evse] == [3, 1]
    assert load(tmp_path, GOOD.replace("phases = 3", "phases = 1")).evse[0].phases == 1


def test_drop_ins_win_in_order_and_the_state_directory_wins_over_all(tmp_path: Path) -> None:
    write(tmp_path / "conf.d/10.toml", '[station]\nmodel = "ten"\n[csms]\ncall_timeout_s = 40\nmessage_attempts = 4\n')
    write(tmp_path / "conf.d/20.toml", '[station]\nmodel = "twenty"\n[csms]\ncall_timeout_s = 50\n')
    write(tmp_path / "conf.d/30.toml.off", "[station]\nmodel = 1\n")
    last = write(tmp_path / "state/conf.d/05.toml", '\n[station]\nmodel = "state"\n')
    config = load(tmp_path)
    assert config.station.model == "state"
    assert (config.csms.call_timeout_s, config.csms.message_attempts) == (50, 4)
    assert config.origin("station", "model") == Origin(last, 3)


def test_a_drop_in_changes_one_evse_by_its_id(tmp_path: Path) -> None:
    file = write(tmp_path / "conf.d/a.toml", "[[evse]]\nid = 2\nmax_current_a = 20\n[evse.meter]\nunit = 9\n")
    config = load(tmp_path)
    assert [evse.max_current_a for evse in config.evse] == [16, 20]
    assert (config.evse[1].meter.unit, config.evse[1].meter.map) == (9, "eastron_sdm120")
    assert config.origin("evse", 1, "meter", "unit") == Origin(file, 5)
    assert config.origin("evse", 1, "meter", "map").file == tmp_path / "agent.toml"


def test_a_drop_in_that_lists_readers_replaces_them(tmp_path: Path) -> None:
    write(tmp_path / "conf.d/a.toml", '[[reader]]\ndriver = "line"\nport = "/dev/r"\n')
    assert [reader.port for reader in load(tmp_path).reader] == [Path("/dev/r")]


def test_state_dir_cannot_be_moved_from_inside_itself(tmp_path: Path) -> None:
    write(tmp_path / "state/conf.d/a.toml", '[station]\nstate_dir = "/elsewhere"\n')
    assert refusal(tmp_path, GOOD).key == "station.state_dir"


def test_line_of_free_keys_is_known(tmp_path: Path) -> None:
    config = load(tmp_path)
    line = GOOD.splitlines().index('"OCPPCommCtrlr.HeartbeatInterval" = 300') + 1
    assert config.origin("variables", "OCPPCommCtrlr.HeartbeatInterval") == Origin(tmp_path / "agent.toml", line)


def load_or_refuse(file: Path) -> AgentConfig | ConfigError:
    try:
        return load_config(file)
    except ConfigError as refused:
        return refused


SAFETY = 'driver = "safety"'
REFUSALS = [
    ("vendor =", "vender =", "station.vender", "the nearest is 'vendor'"),
    ("[station]", "[statoin]", "statoin", "the nearest is 'station'"),
    ("unit = 2", "unti = 2", "evse[2].meter.unti", "the nearest is 'unit'"),
    ("unit = 2", "unit = 248", "evse[2].meter.unit", "a whole number from 1 to 247"),
    ("unit = 2", "unit = 2.0", "evse[2].meter.unit", "a whole number"),
    ("unit = 2", "unit = true", "evse[2].meter.unit", "a whole number"),
    ("eastron_sdm120", "eastron_sdm999", "evse[2].meter.map", "eastron_sdm630"),
    ("unit = 2", "unit = 1", "evse[2].meter.unit", "a unit of its own"),
    ("unit = 2", "baudrate = 19200\nunit = 2", "evse[2].meter", "the same line"),
    ("max_current_a = 16", "max_current_a = 5.9", "evse[1].max_current_a", "from 6 to 80 A"),
    ("max_current_a = 16", "max_current_a = nan", "evse[1].max_current_a", "from 6 to 80 A"),
    ("max_current_a = 16", 'max_current_a = "16"', "evse[1].max_current_a", "from 6 to 80 A"),
    ('model = "Bench"', 'model = "a\\nb"', "station.model", "text of 1 to 20"),
    ("max_current_a = 16", "", "evse[1].max_current_a", "but it is missing"),
    ('map = "eastron_sdm120"\n', "", "evse[2].meter.map", "but it is missing"),
    ("id = 2", "id = 3", "evse[2].id", "numbered 1 to 2 without gaps"),
    ('vendor = "Pilotline"', 'vendor = "A vendor of 21 letters"', "station.vendor", "OCPP 1.6"),
    ("ws://127", "wss://127", "csms.security_profile", "2 or 3"),
    ("ws://127", "http://127", "csms.url", "ws:// or wss://"),
    ("ws://127", "ws://me:secret@127", "csms.url", "without credentials"),
    ("9000/ocpp", "9000/ocpp?a=b", "csms.url", "without query"),
    (":9000/", ":90000/", "csms.url", "a valid"),
    ("[csms]", '[csms]\nocpp_versions = ["2.1"]', "csms.ocpp_versions", "'2.1' is not built"),
    ("[csms]", '[csms]\nocpp_versions = ["1.6", "1.6"]', "csms.ocpp_versions", "without repetitions"),
    ("[csms]", "[csms]\nocpp_versions = []", "csms.ocpp_versions", "at least one"),
    ("[csms]", "[csms]\nsecurity_profile = 0", "csms.security_profile", "only for OCPP 1.6"),
    ("[csms]", "[csms]\nsecurity_profile = 2", "csms.url", "wss://"),
    ("[csms]", '[csms]\nclient_key_file = "k"', "csms", "together or neither"),
    ("[csms]", "[csms]\nreconnect_min_s = 10\nreconnect_max_s = 5", "csms.reconnect_max_s", "10 s"),
    ("[csms]", '[service]\nlisten = "x"\n[csms]', "service", "not built"),
    ("[csms]", '[firmware]\ninstaller = "updater"\n[csms]', "firmware.installer", "'updater' is not built"),
    ("[csms]", '[firmware]\ninstaller = "simulated"\n[csms]', "firmware.installer", "--bench"),
    ("[csms]", "[authorization]\nfree_vend = true\n[csms]", "authorization.free_vend_token", "idTag"),
    ("phases = 3", 'phases = 3\ntime_zone = "Europe/Atlantis"', "station.time_zone", "IANA"),
    ("phases = 1", "phases = 2", "evse[2].phases", "one of 1, 3"),
    ("evses = [1]", "evses = [3]", "reader[1].evses", "1 to 2"),
    ('port = "/dev/ttyS3"', 'port = "/dev/ttyS2"', "reader[1].port", "evse[2].board.port"),
    ('port = "/dev/ttyS2"', 'port = "/dev/ttyS1"', "evse[1].meter.port", "evse[2].board.port"),
    ("HeartbeatInterval = 300", "HeartbeatInterval = [1]", "ocpp16_keys.HeartbeatInterval", "a string, number"),
    ('driver = "line"', 'driver = "safety"', "reader[1].driver", "'line'"),
    ('driver = "openevse"', 'driver = "yeti"', "evse[2].board.driver", "'openevse'"),
    ('driver = "openevse"', 'driver = "openevse"\nwakes_up = true', "evse[2].board.wakes_up", "of driver 'safety'"),
    ('driver = "openevse"', f"{SAFETY}\nstored_current_a = 6", "evse[2].board.stored_current_a", "'openevse'"),
    ('driver = "openevse"', f'{SAFETY}\nfirmware_min = "0.3"', "evse[2].board.firmware_min", "three numbers"),
    ('driver = "openevse"', f'{SAFETY}\nfirmware_max = "0.1.256"', "evse[2].board.firmware_max", "up to 255"),
    ('driver = "openevse"', f'{SAFETY}\nfirmware_max = "0.1.0"', "evse[2].board.firmware_max", "0.2.0"),
    ('driver = "openevse"', f"{SAFETY}\nphase_switch = true", "evse[2].board.phase_switch", "a known key"),
]


@pytest.mark.parametrize(("old", "new", "key", "words"), REFUSALS, ids=[f"{r[2]}: {r[3]}" for r in REFUSALS])
def test_a_bad_value_is_refused_with_file_line_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, key: str, words: str
) -> None:
    at = GOOD.rindex(old)
    error = refusal(tmp_path, GOOD[:at] + new + GOOD[at + len(old) :])
    assert error.key == key
    assert words in error.expected
    assert error.file == tmp_path / "agent.toml"
    assert error.line is not None


def test_three_phases_on_a_single_phase_supply_are_refused(tmp_path: Path) -> None:
    text = GOOD.replace("phases = 3", "phases = 1").replace("id = 1\n", "id = 1\nphases = 3\n")
    error = refusal(tmp_path, text)
    assert (error.key, error.line) == ("evse[1].phases", text.splitlines().index("phases = 3") + 1)


def test_the_sentence_names_file_line_key_and_expectation(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD.replace("unit = 2", "unit = 300"))
    line = GOOD.splitlines().index("unit = 2") + 1
    expected = f"{tmp_path}/agent.toml, line {line}: evse[2].meter.unit: expected a whole number from 1 to 247."
    assert describe_error(error) == str(error) == expected


def test_broken_toml_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, "[station]\nvendor = \n")
    assert (error.line, error.key) == (2, "")
    assert "valid TOML" in error.expected


def test_a_file_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a readable file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "agent.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "agent.toml")


def test_no_evse_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, GOOD[: GOOD.index("[[evse]]")]).key == "evse"


def test_the_simulated_installer_needs_the_bench(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD + '[firmware]\ninstaller = "simulated"\n', bench=True).firmware.installer == "simulated"


def test_a_password_never_shows(tmp_path: Path) -> None:
    secret = "correct horse battery"
    assert secret not in repr(load(tmp_path))
    assert secret not in str(
        refusal(tmp_path, GOOD.replace("[csms]", '[csms]\nocpp_versions = ["1.6"]\nsecurity_profile = 0'))
    )
    assert "x" * 65 not in str(refusal(tmp_path, GOOD.replace(secret, "x" * 65)))


def test_a_password_file_is_read_next_to_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "password", "from a file\n")
    text = GOOD.replace('password = "correct horse battery"', 'password_file = "password"')
    config = load(tmp_path, text)
    assert config.csms.password == "from a file"
    assert "from a file" not in repr(config)
    (tmp_path / "password").unlink()
    assert refusal(tmp_path, text).key == "csms.password_file"


def test_password_is_demanded_once_where_the_profile_needs_it(tmp_path: Path) -> None:
    without = GOOD.replace('password = "correct horse battery"\n', "")
    assert "security_profile is 1" in refusal(tmp_path, without).expected
    assert "not both" in refusal(tmp_path, GOOD.replace("[csms]", '[csms]\npassword_file = "p"')).expected
    profile_0 = without.replace("[csms]", '[csms]\nocpp_versions = ["1.6"]\nsecurity_profile = 0')
    assert load(tmp_path, profile_0).csms.password is None


def test_mutual_tls_needs_certificate_and_key(tmp_path: Path) -> None:
    text = GOOD.replace("ws://", "wss://").replace('password = "correct horse battery"', "security_profile = 3")
    assert "3 only when" in refusal(tmp_path, text).expected
    files = '[csms]\nclient_certificate_file = "c.pem"\nclient_key_file = "k.pem"'
    assert load(tmp_path, text.replace("[csms]", files)).csms.client_key_file == tmp_path / "k.pem"


def test_an_iana_time_zone_is_accepted(tmp_path: Path) -> None:
    zone = load(tmp_path, GOOD.replace("phases = 3", 'phases = 3\ntime_zone = "Europe/Berlin"')).station.time_zone
    assert zone == "Europe/Berlin"


def test_every_protection_that_the_board_names_can_be_allowed_and_no_other(tmp_path: Path) -> None:
    names = json.dumps(list(PROTECTIONS.values()))
    allowed = load(tmp_path, GOOD.replace("[evse.board]", f"[evse.board]\nallow_protection_off = {names}", 1))
    assert allowed.evse[0].board.allow_protection_off == tuple(PROTECTIONS.values())
    refusal(tmp_path, GOOD.replace("[evse.board]", '[evse.board]\nallow_protection_off = ["fuse"]', 1))


def test_the_published_schema_is_current_and_valid() -> None:
    published = json.loads((ROOT / "docs/agent-config.schema.json").read_text(encoding="utf-8"))
    assert published == config_json_schema(), "run `make schema`"
    assert Draft202012Validator(published) is not None


def test_the_schema_accepts_a_good_file_and_refuses_unknown_keys() -> None:
    validator = Draft202012Validator(config_json_schema())
    assert validator.is_valid(tomllib.loads(GOOD))
    for text in (GOOD.replace("vendor =", "vender ="), GOOD.replace("unit = 2", "unit = 248")):
        assert not validator.is_valid(tomllib.loads(text))


def test_check_says_good_or_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "agent.toml", GOOD)
    assert check_command(file) == 0
    assert "2 EVSE(s)" in capsys.readouterr().out
    assert check_command(file, json_output=True) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    write(file, GOOD.replace("id = 2", "id = 7"))
    assert check_command(file) == 2
    assert "evse[2].id" in capsys.readouterr().err
    assert check_command(file, json_output=True) == 2
    assert json.loads(capsys.readouterr().out)["key"] == "evse[2].id"


def test_check_includes_what_only_the_composition_root_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_such_variable(config: AgentConfig) -> None:
        where = config.origin("variables", "OCPPCommCtrlr.HeartbeatInterval")
        raise ConfigError(where.file, where.line, "variables", "a known variable")

    assert check_command(write(tmp_path / "agent.toml", GOOD), further=no_such_variable) == 2
    assert "a known variable" in capsys.readouterr().err


def test_loading_imports_no_heavy_module(tmp_path: Path) -> None:
    write(tmp_path / "agent.toml", GOOD)
    code = (
        "import sys; from pathlib import Path; from agent.config import load_config;"
        "load_config(Path(sys.argv[1])); print(*sys.modules)"
    )
    run = [sys.executable, "-c", code, str(tmp_path / "agent.toml")]
    loaded = set(subprocess.run(run, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())
    assert loaded.isdisjoint({"jsonschema", "jsonschema_rs", "zoneinfo", "difflib", "asyncio", "ocpp", "websockets"})


LINES = [
    *GOOD.splitlines(),
    '"""',
    "[[evse]]",
    "[evse]",
    "evse = 1",
    "station.x = {a = 1}",
    'a = """',
    "b = [",
    "]",
    "= =",
]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.lists(st.sampled_from(LINES), max_size=60).map("\n".join), st.text(max_size=80)))
def test_any_text_is_read_or_refused_and_never_crashes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(text, encoding="utf-8", errors="replace")
    outcome = load_or_refuse(file)
    assert isinstance(outcome, AgentConfig) or "agent.toml" in str(outcome)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(GOOD)), st.text(max_size=8), st.integers(0, 12))
def test_a_damaged_file_is_read_or_refused_and_never_crashes(tmp_path: Path, at: int, junk: str, cut: int) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(GOOD[:at] + junk + GOOD[at + cut :], encoding="utf-8", errors="replace")
    outcome = load_or_refuse(file)
    assert isinstance(outcome, AgentConfig) or "agent.toml" in str(outcome)


def test_a_number_of_thousands_of_digits_and_deep_nesting_are_refused(tmp_path: Path) -> None:
    for text in (f"a = {'9' * 5000}", f"a = {'[' * 5000}"):
        assert "agent.toml" in str(refusal(tmp_path, text))
