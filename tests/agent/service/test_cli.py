"""`pilotline log` as a process: what it prints and how it exits."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store.security_log_lines import Link
from tests.agent.store.security_log_rig import LogRig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[LogRig]:
    rig = LogRig(tmp_path)
    yield rig
    rig.close()


def pilotline(*words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "agent.service.cli", *words]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in ended.stderr
    return ended.returncode, ended.stdout, ended.stderr


def of(rig: LogRig, *words: str) -> tuple[int, str, str]:
    return pilotline("log", *words, "--state-dir", str(rig.database.parent))


def test_a_whole_log_is_told_and_exits_0(rig: LogRig) -> None:
    rig.write(3)
    assert of(rig, "verify") == (0, "the security log is whole: lines 1 to 3\n", "")


def test_a_changed_log_is_told_on_standard_error_and_exits_1(rig: LogRig) -> None:
    rig.write(3)
    rig.paths[0].write_bytes(rig.text.replace(b"number 2", b"number 7"))
    told = "pilotline: the security log is not whole: line 2 was changed, or one before it\n"
    assert of(rig, "verify") == (1, "", told)


def test_json_says_the_same(rig: LogRig) -> None:
    rig.write(3)
    code, out, _ = of(rig, "verify", "--json")
    assert (code, json.loads(out)) == (0, {"ok": True, "problem": None, "first": 1, "last": 3, "unanchored": 0})
    rig.paths[0].write_bytes(b"")
    code, out, _ = of(rig, "verify", "--json")
    assert code == 1
    assert json.loads(out)["problem"] == "lines 1 to 3 are missing at the end"


def test_a_head_that_the_back_end_noted_is_held_against_the_log(rig: LogRig) -> None:
    rig.write(2)
    head = rig.head
    rig.write(2)
    assert of(rig, "verify", "--head", f"{head.seq}:{head.chain}")[0] == 0
    other = Link(2, "0" * 64)
    assert of(rig, "verify", "--head", f"{other.seq}:{other.chain}")[0] == 1
    code, _, told = of(rig, "verify", "--head", "nonsense")
    assert (code, "SEQ:CHAIN" in told) == (2, True)


def test_show_prints_entries_of_a_time_for_people_or_as_they_stand(rig: LogRig) -> None:
    rig.write(3)
    code, out, _ = of(rig, "show", "--from", "2026-03-14T15:11:00Z", "--until", "2026-03-14T15:11:30")
    assert (code, out) == (0, "     2 2026-03-14T15:11:26.000Z (system) InvalidMessages number 2\n")
    assert of(rig, "show", "--json")[1].encode() == rig.text


def test_show_prints_damaged_lines_as_well(rig: LogRig) -> None:
    rig.write(1)
    rig.paths[0].write_bytes(b"nonsense\n" + rig.text)
    assert of(rig, "show")[1].splitlines()[0] == "     ? damaged: nonsense"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("log", "verify", "--state-dir", "/nowhere"), "holds no station.sqlite"),
        (("log", "verify", "--config", "/nowhere/agent.toml"), "agent.toml"),
        (("log", "show", "--state-dir", "/nowhere", "--from", "yesterday"), "station.sqlite"),
        (("log", "erase"), "invalid choice"),
        (("status",), "invalid choice"),
        ((), "required"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exits_2(words: tuple[str, ...], told: str) -> None:
    code, out, complaint = pilotline(*words)
    assert (code, out) == (2, "")
    assert told in complaint


def test_a_wrong_time_exits_2(rig: LogRig) -> None:
    code, _, told = of(rig, "show", "--from", "yesterday")
    assert (code, told) == (2, "pilotline: 'yesterday' is not a time: write it as 2026-03-14T15:09:26Z\n")


def test_help_and_version_exit_0() -> None:
    assert pilotline("--version")[:2][1].startswith("pilotline ")
    code, out, _ = pilotline("log", "--help")
    assert code == 0
    assert "verify" in out
    assert "show" in out


def test_it_works_beside_an_agent_that_holds_the_database(rig: LogRig) -> None:
    rig.connection.execute("PRAGMA journal_mode=WAL")
    rig.write(2)
    rig.connection.execute("BEGIN IMMEDIATE")
    assert of(rig, "verify")[0] == 0
    rig.connection.execute("ROLLBACK")
