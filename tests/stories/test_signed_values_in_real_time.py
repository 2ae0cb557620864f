"""The signing meter as a process of its own on a pseudo-terminal: its key and its open transaction outlive it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pyocmf import OCMF

from hil.background import work_beside
from hil.station_processes import ProcessPlan
from tests.fakes.real_station import RealStation

CARD = "04A1B2C3"
LIMIT_S = 60.0


async def until_state(station: RealStation, **wanted: object) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            state = await station.bench.ask("state", evse=1)
            if all(state[name] == value for name, value in wanted.items()):
                return
            await asyncio.sleep(0.1)


async def ended(station: RealStation, count: int) -> dict[str, Any]:
    async with asyncio.timeout(LIMIT_S):
        while True:
            transactions: list[dict[str, Any]] = (await station.csms.ask("ledger"))["transactions"]
            if len(transactions) == count and transactions[-1]["ends"]:
                return transactions[-1]
            await asyncio.sleep(0.1)


def pages(transaction: dict[str, Any], keys: set[str]) -> list[tuple[str | None, list[str | None]]]:
    """Pages and reasons of the records, each verified with the key that came with the first."""
    found = []
    for value in transaction["signed_values"]:
        keys |= {value["public_key"]} - {""}
        [key] = keys
        record = OCMF.from_string(value["record"], strict=True)
        assert record.verify_signature(key)
        found.append((record.payload.PG, [reading.TX for reading in record.payload.RD]))
    return found


@pytest.mark.slow
async def test_key_pages_and_open_transaction_of_the_meter_outlive_its_process(tmp_path: Path) -> None:
    keys: set[str] = set()
    as_json = '[variables]\n"SampledDataCtrlr.SignedDataFormat" = "json"\n'  # the raw form has no room for the key
    words = ("--evses", "1", "--meter", "iskra_wm3m4c")
    plan = ProcessPlan(tmp_path, "1.6", words, drop_ins=(("signed.toml", as_json),))
    async with work_beside() as add:
        station = RealStation(plan, add)
        try:
            await station.processes.open(add)
            await station.start_agent()
            await until_state(station, pilot_state="A", supplied=True)
            await asyncio.sleep(5)
            await station.bench.ask("plug_in", evse=1, current_a=16, delay_s=0.5)
            await asyncio.sleep(2)
            await station.bench.ask("swipe", token=CARD)
            await until_state(station, contactor_closed=True)
            await station.agent.kill()
            await station.restart_bench()
            await station.start_agent()
            interrupted = await ended(station, 1)
            assert interrupted["stop_reason"] == "PowerLoss"
            assert pages(interrupted, keys) == [("T1", ["B"]), ("T2", ["B", "P"])]
            await station.bench.ask("plug_out", evse=1)
            await until_state(station, pilot_state="A")
            await station.bench.ask("plug_in", evse=1, current_a=16, delay_s=0.5)
            await asyncio.sleep(2)
            await station.bench.ask("swipe", token=CARD)
            await until_state(station, contactor_closed=True)
            await station.bench.ask("swipe", token=CARD)
            assert pages(await ended(station, 2), keys) == [("T3", ["B"]), ("T4", ["B", "E"])]
        finally:
            await station.agent.kill()
            await station.processes.end(2.0)
