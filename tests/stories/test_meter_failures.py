"""Bench scenarios MT-01 and MT-02 on a plain meter, in virtual time and in both versions."""

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from agent.domain.error_catalogue import CATALOGUE
from hal.api import Fault
from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

CARD = "04A1B2C3"
BOTH = pytest.mark.parametrize("version", ["1.6", "2.0.1"])
FAULT_LIMIT_S = 10.0


async def begin(station: VirtualStation) -> None:
    station.lines.bench.plug_in(1, current_a=16, delay_s=1)
    await asyncio.sleep(2)
    station.lines.bench.swipe(CARD)
    await asyncio.sleep(30)
    assert station.lines.bench.state(1)["contactor_closed"]


def faults(station: VirtualStation) -> set[Fault]:
    assert station.agent is not None
    return set(station.agent.station.evses[1].session.faults)


async def fault_stands(station: VirtualStation, fault: Fault) -> None:
    async with asyncio.timeout(FAULT_LIMIT_S):
        while True:
            if fault in faults(station):
                return
            await asyncio.sleep(0.05)


@BOTH
@pytest.mark.parametrize("kind", ["meter_silent", "meter_garbage"])
def test_a_meter_that_stops_answering_is_a_fault_within_ten_seconds(tmp_path: Path, version: str, kind: str) -> None:
    async def story() -> None:
        async with virtual_station(tmp_path, version=version) as station:
            await begin(station)
            station.lines.bench.fault(1, kind)
            await fault_stands(station, Fault.METER_SILENT)
            assert station.lines.bench.state(1)["contactor_closed"]
            assert not CATALOGUE[Fault.METER_SILENT].blocks_power

    run_virtual(story())


@BOTH
def test_fail_on_error_ends_the_session_of_a_meter_that_stops_answering(tmp_path: Path, version: str) -> None:
    async def story() -> None:
        more = "fail_on_error = true\n"
        async with virtual_station(tmp_path, version=version, extra_meter_toml=more) as station:
            await begin(station)
            station.lines.bench.fault(1, "meter_silent")
            await asyncio.sleep(FAULT_LIMIT_S + 8)
            assert not station.lines.bench.state(1)["contactor_closed"]
            [transaction] = station.csms.ledger.transactions
            assert (transaction.ends, transaction.stop_reason) == (1, "Other")
            station.lines.bench.swipe(CARD)
            await asyncio.sleep(20)
            assert not station.lines.bench.state(1)["contactor_closed"], "nor does another begin meanwhile"
            station.lines.bench.clear(1, "meter_silent")
            await asyncio.sleep(10)
            station.lines.bench.swipe(CARD)
            await asyncio.sleep(20)
            assert station.lines.bench.state(1)["contactor_closed"]

    run_virtual(story())


@BOTH
def test_the_last_good_value_keeps_its_time_and_is_not_sampled_again(tmp_path: Path, version: str) -> None:
    """Lesson 52."""

    async def story() -> None:
        async with virtual_station(tmp_path, version=version) as station:
            await begin(station)
            silent_from = station.clock.now().utc.isoformat()[:19]
            station.lines.bench.fault(1, "meter_silent")
            frames: list[dict[str, object]] = []
            station.csms.log.listeners.append(lambda frame: frames.append(frame.to_json()))
            await asyncio.sleep(200)
            station.lines.bench.swipe(CARD)
            await asyncio.sleep(20)
            [transaction] = station.csms.ledger.transactions
            assert transaction.ends == 1
            values = [value for frame in frames for value in meter_values(frame)]
            assert values, "the receipt has the last value"
            assert all(str(value["timestamp"])[:19] <= silent_from for value in values)

    run_virtual(story())


def meter_values(frame: dict[str, object]) -> list[dict[str, object]]:
    payload = frame.get("payload")
    if not isinstance(payload, dict):
        return []
    return [*payload.get("meterValue", []), *payload.get("transactionData", [])]


@BOTH
def test_a_register_that_runs_backwards_is_refused_at_its_first_sample(tmp_path: Path, version: str) -> None:
    """MT-02: the billing register stays as it was."""

    async def story() -> None:
        async with virtual_station(tmp_path, version=version) as station:
            await begin(station)
            assert station.agent is not None
            recorder = station.agent.station.evses[1].session.recorder
            before_wh = recorder.register_wh
            assert before_wh is not None
            station.lines.bench.fault(1, "meter_backwards")
            await asyncio.sleep(1.5)
            assert Fault.METER_IMPLAUSIBLE in faults(station)
            assert Decimal(0) <= (recorder.register_wh or Decimal(0)) - before_wh < 5

    run_virtual(story())
