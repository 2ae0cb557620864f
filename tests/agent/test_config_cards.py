"""What the keys of an input/output card, and those of a reader, demand."""

from pathlib import Path

import pytest

from tests.agent.test_config import GOOD, load, refusal, write

CARD = """
[[evse]]
id = 1
connector_type = "sType2"
[evse.io]
driver = "modbus"
port = "/dev/card"
lock_coil = 0
unlock_coil = 1
lock_input = 0
emergency_stop_input = 1
shunt_trip_coil = 3
"""


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (('port = "/dev/card"', 'port = "/dev/card"\nhost = "card"'), "evse[1].io.port", "either port"),
        (("unlock_coil = 1\n", ""), "evse[1].io.unlock_coil", "a lock needs"),
        (("sType2", "cType2"), "evse[1].io.lock_coil", "attached cable"),
        (("stop_input = 1", "stop_input = 125"), "evse[1].io.emergency_stop_input", "less than 125"),
        (("unlock_coil = 1", "unlock_coil = 0"), "evse[1].io.unlock_coil", "a coil of its own"),
        (("shunt_trip_coil = 3", "fan_coil = 3"), "evse[1].io.fan_coil", "refuses state D"),
        (("shunt_trip_coil = 3", "fan_input = 3"), "evse[1].io.fan_coil", "fan_input watches it"),
        (("/dev/card", "/dev/ttyS1"), "evse[1].io.port", "evse[2].meter uses it already"),
        (("/dev/card", "/dev/ttyS3"), "evse[1].io.port", "reader[1].port uses it already"),
        (('"modbus"', '"gpio"'), "evse[1].io.driver", "modbus"),
    ],
)
def test_a_card_that_cannot_be_is_refused(tmp_path: Path, change: tuple[str, str], key: str, words: str) -> None:
    assert load(tmp_path, GOOD).evse[0].io is None
    write(tmp_path / "conf.d/card.toml", CARD)
    assert load(tmp_path).evse[0].io is not None
    write(tmp_path / "conf.d/card.toml", CARD.replace(*change))
    refused = refusal(tmp_path, GOOD)
    assert refused.key == key
    assert words in refused.expected


def test_two_evses_share_a_card_but_no_coil_of_it(tmp_path: Path) -> None:
    second = '[[evse]]\nid = 2\n[evse.io]\ndriver = "modbus"\nport = "/dev/card"\nshunt_trip_coil = 7\n'
    write(tmp_path / "conf.d/card.toml", CARD + second)
    assert [evse.io is not None for evse in load(tmp_path).evse] == [True, True]
    write(tmp_path / "conf.d/card.toml", CARD + second.replace("7", "3"))
    assert refusal(tmp_path, GOOD).key == "evse[2].io.shunt_trip_coil"
    write(tmp_path / "conf.d/card.toml", CARD + second + "baudrate = 115200\n")
    assert "same line" in refusal(tmp_path, GOOD).expected


CONTACT = """
[limits.grid_operator.contact]
port = "/dev/card"
input = 7
limit_current_a = 6
"""


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (('port = "/dev/card"\n', ""), "limits.grid_operator.contact.port", "either port"),
        (("/dev/card", "/dev/ttyS1"), "limits.grid_operator.contact.port", "evse[2].meter uses it already"),
        (
            ("input = 7", "input = 1"),
            "limits.grid_operator.contact.input",
            "evse[1].io.emergency_stop_input has number 1",
        ),
        (("input = 7", "input = 7\nparity = 'E'"), "limits.grid_operator.contact", "same line"),
        (("input = 7\n", ""), "limits.grid_operator.contact.input", "missing"),
    ],
)
def test_the_grid_operators_contact_fits_the_cards_beside_it(
    tmp_path: Path, change: tuple[str, str], key: str, words: str
) -> None:
    assert load(tmp_path, GOOD).limits.grid_operator is None
    write(tmp_path / "conf.d/card.toml", CARD + CONTACT)
    assert load(tmp_path).limits.grid_operator is not None
    write(tmp_path / "conf.d/card.toml", CARD + CONTACT.replace(*change))
    refused = refusal(tmp_path, GOOD)
    assert refused.key == key
    assert words in str(refused)


def test_a_grid_operator_without_contact_is_refused(tmp_path: Path) -> None:
    refused = refusal(tmp_path, GOOD + "[limits.grid_operator]\nfail_safe_current_a = 6\n")
    assert refused.key == "limits.grid_operator.contact"


@pytest.mark.parametrize(
    ("reader", "key", "words"),
    [
        ('driver = "pn532"\ntoken_type = "ISO14443"', "reader[1].token_type", "this reader's is 'pn532'"),
        ('driver = "line"\npoll_interval_s = 0.1', "reader[1].poll_interval_s", "'pn532'"),
    ],
)
def test_a_reader_has_the_keys_of_its_own_driver_only(tmp_path: Path, reader: str, key: str, words: str) -> None:
    refused = refusal(tmp_path, GOOD.replace('driver = "line"', reader))
    assert refused.key == key
    assert words in refused.expected
