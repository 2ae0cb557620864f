import stat
import time
from pathlib import Path

import pytest

from agent.csms.frame_log import LOOK_INTERVAL_S, FrameLog
from agent.csms.frame_mask import mask
from tests.agent.store.disk_limits import file_size_limit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('[2,"a","Authorize",{"idTag":"04A2B3C4"}]', '[2,"a","Authorize",{"idTag":"…C4"}]'),
        ('[2,"a","X",{"idToken":{"idToken":"04A2B3C4","type":"ISO14443"}}]', '"idToken":{"idToken":"…C4"'),
        ('[3,"a",{"idTagInfo":{"status":"Accepted","parentIdTag":"ABCDEF"}}]', '"parentIdTag":"…EF"'),
        ('[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2"}]', '"value":"…"'),
        ('[2,"a","ChangeConfiguration",{"value":"hunter2","key":"AuthorizationKey"}]', '"value":"…"'),
        ('[2,"a","S",[{"attributeValue":"hunter2","variable":{"name":"BasicAuthPassword"}}]]', '"attributeValue":"…"'),
        ('[2,"a","S",{"vpn":{"password":"hunter2","key":"hunter2"}}]', '"password":"…","key":"…"'),
        ('[2,"a","GetDiagnostics",{"location":"ftp://me:hunter2@host/x"}]', "ftp://me:…@host/x"),
        ('[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2', '"value":"…"'),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    masked = mask(text)
    assert shown in masked
    assert "hunter2" not in masked
    assert "04A2B3C4" not in masked


def test_other_values_are_shown() -> None:
    text = '[2,"a","ChangeConfiguration",{"key":"HeartbeatInterval","value":"300"}]'
    assert mask(text) == text


def is_open(path: Path) -> bool:
    return any(link.is_symlink() and link.readlink() == path for link in Path("/proc/self/fd").iterdir())


def test_frames_are_written_with_time_and_direction(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "frames" / "ocpp.log")
    log.sent('[2,"a","Heartbeat",{}]')
    log.received('[3,"a",{}]')
    log.close()
    lines = (tmp_path / "frames" / "ocpp.log").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ['-> [2,"a","Heartbeat",{}]', '<- [3,"a",{}]']
    assert lines[0].split()[0].endswith("Z")


def test_a_flood_of_the_same_becomes_a_number(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "ocpp.log")
    for number in range(1000):
        log.received(f'[2,"{number}","GetConfiguration",{{}}]')
    log.received('[2,"x","Reset",{"type":"Hard"}]')
    log.close()
    lines = (tmp_path / "ocpp.log").read_text().splitlines()
    assert len(lines) == 7
    assert lines[5].endswith("the same again 995 times")


def test_the_log_stays_within_its_size(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "ocpp.log", max_file_bytes=1000)
    for number in range(500):
        log.received(f'[2,"a","X",{{"n":{number}}}]')
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) <= 4
    assert sum(file.stat().st_size for file in files) < 4500


def test_a_disk_that_cannot_be_written_costs_nothing_but_frames(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("as before")
    log = FrameLog(tmp_path / "file" / "ocpp.log")
    log.received("x")
    log.close()
    assert (tmp_path / "file").read_text() == "as before"


def test_a_disk_that_fills_up_costs_nothing_but_frames_and_no_open_file(tmp_path: Path) -> None:
    path = tmp_path / "ocpp.log"
    log = FrameLog(path)
    with file_size_limit(1000):
        for _ in range(3):
            log.received("x" * 50_000)
            time.sleep(2 * LOOK_INTERVAL_S)
            assert not is_open(path)
    log.received('[2,"a","Heartbeat",{}]')
    log.close()
    assert "Heartbeat" in path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


def test_a_frame_costs_the_loop_under_10_us(tmp_path: Path) -> None:
    log = FrameLog(tmp_path / "ocpp.log")
    text = '[2,"a","GetConfiguration",{"key":["HeartbeatInterval"]}]'
    costs_s = []
    for _ in range(2000):
        began_s = time.thread_time()
        log.received(text)
        costs_s.append(time.thread_time() - began_s)
    log.close()
    assert sorted(costs_s)[len(costs_s) // 2] < 10e-6


def test_what_opens_the_door_to_a_file_is_masked() -> None:
    """OCPP 1.6 sections 6.27 and 6.61: a location may carry a password or a signature."""
    frame = '[2,"1","GetDiagnostics",{"location":"https://u:word@h/in?X-Signature=abc","retries":1}]'
    assert mask(frame) == '[2,"1","GetDiagnostics",{"location":"https://u:…@h/in?…","retries":1}]'
