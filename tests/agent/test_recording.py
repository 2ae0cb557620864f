"""Which lines the station records, and which it refuses to."""

import asyncio
from pathlib import Path

import pytest

from agent.config import load_config
from agent.recording import LineRecorder, RecordOptions
from tests.agent.test_config_signed_meter import SIGNING, TEXT

SIGNED = TEXT + SIGNING + "signed = true\n"


async def build(tmp_path: Path, text: str, *, with_tokens: bool = False) -> None:
    (tmp_path / "agent.toml").write_text(text)
    LineRecorder(load_config(tmp_path / "agent.toml"), RecordOptions(tmp_path / "wire.jsonl", with_tokens))


def test_a_meter_that_signs_who_charged_is_recorded_only_where_tokens_are(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the meter of EVSE 1 signs who charged"):
        asyncio.run(build(tmp_path, SIGNED))
    asyncio.run(build(tmp_path, SIGNED, with_tokens=True))
    asyncio.run(build(tmp_path, TEXT + SIGNING))


def test_a_board_on_can_is_refused_by_name(tmp_path: Path) -> None:
    line = 'driver = "safety"\ncan_interface = "socketcan"\ncan_channel = "can0"'
    with pytest.raises(ValueError, match="the board of EVSE 1 is on CAN"):
        asyncio.run(build(tmp_path, TEXT.replace('driver = "openevse"\nport = "board"', line) + SIGNING))
