"""Signed meter values, from the meter's registers to the back-end's ledger, in virtual time.

Bench scenarios MT-03 and MT-04; facts ocmf_eichrecht. An independent verifier judges what arrives.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from pyocmf import OCMF, check_eichrecht_payload, check_eichrecht_transaction

from hil.csms.ledger_values import LogicalTransaction, SignedValue
from hil.devices.iskra_signing import SigningBlock
from hil.devices.modbus_meter import MeterMode
from hil.virtual_time import run_virtual
from tests.fakes.virtual_station import VirtualStation, virtual_station

CARD = "04A1B2C3"
VERSIONS = ("1.6", "2.0.1")
SIGNED: dict[str, Any] = {"meter_map": "iskra_wm3m4c"}


def both_versions(story: Callable[[Path, str], Coroutine[Any, Any, None]]) -> Callable[..., None]:
    def run(tmp_path: Path, version: str) -> None:
        run_virtual(story(tmp_path, version))

    run.__name__, run.__doc__ = story.__name__, story.__doc__
    return pytest.mark.parametrize("version", VERSIONS)(run)


def block(station: VirtualStation) -> SigningBlock:
    signing = station.lines.bench.evses[1].meter.signing
    assert signing is not None
    return signing


def closed(station: VirtualStation) -> bool:
    return bool(station.lines.bench.state(1)["contactor_closed"])


async def until(what: Callable[[], object], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            if what():
                return
            await asyncio.sleep(0.1)


def transactions(station: VirtualStation) -> list[LogicalTransaction]:
    return station.csms.ledger.transactions


async def begin(station: VirtualStation) -> LogicalTransaction:
    station.lines.bench.plug_in(1, current_a=16, delay_s=1)
    await asyncio.sleep(2)
    station.lines.bench.swipe(CARD)
    await until(lambda: closed(station))
    await until(lambda: transactions(station))
    return transactions(station)[-1]


async def end(station: VirtualStation) -> LogicalTransaction:
    station.lines.bench.swipe(CARD)
    return await ended(station)


async def ended(station: VirtualStation, within_s: float = 60.0) -> LogicalTransaction:
    await until(lambda: transactions(station) and transactions(station)[-1].ends, within_s)
    return transactions(station)[-1]


def verified(value: SignedValue, station: VirtualStation) -> OCMF:
    record = OCMF.from_string(value.record, strict=True)
    assert record.verify_signature(block(station).signer.public_key)
    return record


def pair(transaction: LogicalTransaction, station: VirtualStation) -> tuple[OCMF, OCMF]:
    """Begin and end as an independent verifier reads them."""
    assert [value.context for value in transaction.signed_values] == ["Transaction.Begin", "Transaction.End"]
    first, last = (verified(value, station) for value in transaction.signed_values)
    return first, last


@both_versions
async def test_a_session_arrives_with_a_signed_begin_and_end_that_a_verifier_accepts(
    tmp_path: Path, version: str
) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        await asyncio.sleep(120)
        transaction = await end(station)
        first, last = pair(transaction, station)
        assert check_eichrecht_payload(last.payload) == []
        only_end = last.payload.model_copy(update={"RD": last.payload.RD[1:]})
        assert check_eichrecht_transaction(first.payload, only_end) == []
        assert (first.payload.PG, last.payload.PG) == ("T1", "T2")
        assert last.payload.ID == CARD
        assert last.payload.CI == "BENCH-0001 1"
        assert transaction.energy_wh is not None
        assert transaction.energy_wh > 0
        assert transaction.is_whole
        assert not station.csms.ledger.anomalies


@both_versions
async def test_one_digit_changed_on_the_way_is_rejected(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        await asyncio.sleep(60)
        value = (await end(station)).signed_values[1]
        record = OCMF.from_string(value.record)
        energy = str(record.payload.RD[1].RV)
        digit = str((int(energy[-1]) + 1) % 10)
        tampered = value.record.replace(f'"RV":{energy}', f'"RV":{energy[:-1]}{digit}')
        assert tampered != value.record
        assert not OCMF.from_string(tampered).verify_signature(block(station).signer.public_key)


@both_versions
async def test_the_bytes_at_the_back_end_are_the_bytes_in_the_meter(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        transaction = await end(station)
        registers = block(station)._registers
        length = registers[7057]
        words = [registers[7612 + offset] for offset in range((length + 1) // 2)]
        signed = b"".join(word.to_bytes(2, "big") for word in words)[:length]
        assert transaction.signed_values[1].record.encode().split(b"|")[1] == signed


@both_versions
async def test_no_power_flows_before_the_begin_is_signed(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        meter = station.lines.bench.evses[1].meter
        meter.delay_s = 0.4
        meter.mode = MeterMode.SLOW  # a board closes within 1.3 s of its permission: signing has to last longer
        seen: list[bool] = []
        station.lines.bench.subscribers.append(
            lambda event: seen.append(block(station).state.value == 1) if event.get("closed") is True else None
        )
        await begin(station)
        assert seen
        assert all(seen)


@both_versions
async def test_the_end_is_signed_once_the_contactor_is_open(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        station.lines.bench.swipe(CARD)
        while closed(station):
            assert block(station).state.value == 1
            await asyncio.sleep(0.02)
        await ended(station)
        assert block(station).state.value == 0


@both_versions
async def test_a_meter_that_does_not_sign_gives_no_power_and_bills_nothing(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        block(station).fails = True
        station.lines.bench.plug_in(1, current_a=16, delay_s=1)
        await asyncio.sleep(2)
        station.lines.bench.swipe(CARD)
        transaction = await ended(station)
        assert station.lines.bench.evses[1].world.energy_wh == 0
        assert transaction.energy_wh == 0
        assert not transaction.signed_values
        block(station).fails = False
        await asyncio.sleep(15)
        station.lines.bench.plug_out(1)
        await asyncio.sleep(5)
        await begin(station)
        assert len((await end(station)).signed_values) == 2


@both_versions
async def test_a_signer_that_falls_silent_keeps_no_contactor_closed(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        block(station).is_silent = True
        await asyncio.sleep(1)
        loop = asyncio.get_running_loop()
        station.lines.bench.plug_out(1)
        started_s = loop.time()
        await until(lambda: not closed(station))
        assert loop.time() - started_s < 1
        transaction = await ended(station)
        assert [value.context for value in transaction.signed_values] == ["Transaction.Begin"]
        block(station).is_silent = False
        await until(lambda: block(station).state.value == 0)  # what was left open is closed


@both_versions
async def test_a_power_failure_is_closed_with_p_and_told_within_a_minute(tmp_path: Path, version: str) -> None:
    """MT-04."""
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        await asyncio.sleep(60)
        await station.kill()
        station.lines.bench.power_cut()
        await asyncio.sleep(30)
        station.lines.bench.power_on()
        loop = asyncio.get_running_loop()
        booted_s = loop.time()
        await station.start()
        transaction = await ended(station)
        assert loop.time() - booted_s <= 60
        assert transaction.stop_reason == "PowerLoss"
        _, last = pair(transaction, station)
        assert [reading.TX for reading in last.payload.RD] == ["B", "P"]
        assert block(station).signer.records == 2


@both_versions
async def test_an_exchanged_meter_bills_nothing_until_the_registered_one_is_back(tmp_path: Path, version: str) -> None:
    """MT-03."""
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        station.lines.bench.fault(1, "meter_exchanged")
        await asyncio.sleep(12)
        station.lines.bench.plug_in(1, current_a=16, delay_s=1)
        station.lines.bench.swipe(CARD)
        await asyncio.sleep(20)
        assert transactions(station) == []
        assert not closed(station)
        station.lines.bench.clear(1, "meter_exchanged")
        station.lines.bench.plug_out(1)
        await asyncio.sleep(12)
        await begin(station)
        assert len((await end(station)).signed_values) == 2


@both_versions
async def test_a_meter_exchanged_within_a_session_ends_it(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        await begin(station)
        station.lines.bench.fault(1, "meter_exchanged")
        transaction = await ended(station)
        assert transaction.stop_reason == "Other"
        assert not closed(station)
        assert [value.context for value in transaction.signed_values] == ["Transaction.Begin"]


@both_versions
async def test_whenever_the_agent_is_killed_each_transaction_is_signed_once(tmp_path: Path, version: str) -> None:
    """Begin and end each once, whatever was stored by then: nothing left open, nothing signed twice."""
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        for moment in range(8):
            records = block(station).signer.records
            station.lines.bench.plug_in(1, current_a=16, delay_s=1)
            await asyncio.sleep(2)
            station.lines.bench.swipe(CARD)
            await asyncio.sleep(0.3 * moment)
            await station.kill()
            await asyncio.sleep(1)
            await station.start()
            await asyncio.sleep(10)
            station.lines.bench.plug_out(1)
            await asyncio.sleep(30)
            assert block(station).state.value == 0
            signed = [v for t in transactions(station) for v in t.signed_values]
            assert block(station).signer.records - records in {0, 2}
            assert len({value.record for value in signed}) == len(signed)
            for transaction in transactions(station):
                assert transaction.ends == 1
                if transaction.energy_wh:
                    pair(transaction, station)


@both_versions
async def test_a_kill_while_the_end_is_being_signed_loses_no_record(tmp_path: Path, version: str) -> None:
    async with virtual_station(tmp_path, version=version, **SIGNED) as station:
        for moment in range(5):
            await begin(station)
            station.lines.bench.plug_out(1)
            await asyncio.sleep(0.1 + 0.3 * moment)
            await station.kill()
            await asyncio.sleep(1)
            await station.start()
            await asyncio.sleep(30)
            transaction = transactions(station)[-1]
            assert transaction.ends == 1
            pair(transaction, station)
            assert block(station).signer.records == 2 * len(transactions(station))


@both_versions
async def test_a_kill_before_anybody_was_authorised_is_no_fault_of_the_meter(tmp_path: Path, version: str) -> None:
    toml = '[variables]\n"TxCtrlr.TxStartPoint" = "EVConnected"\n'
    async with virtual_station(tmp_path, version=version, extra_toml=toml, **SIGNED) as station:
        station.lines.bench.plug_in(1, current_a=16, delay_s=1)
        await asyncio.sleep(8)
        await station.kill()
        await asyncio.sleep(1)
        await station.start()
        await asyncio.sleep(30)
        station.lines.bench.swipe(CARD)
        await until(lambda: closed(station))
        station.lines.bench.plug_out(1)
        pair(await ended(station), station)


def test_a_json_back_end_gets_the_record_under_the_name_it_knows(tmp_path: Path) -> None:
    async def story() -> None:
        names = {"SignedDataFormat": "json", "SignedDataName": "signedMeterValue"}
        toml = "\n".join(["[variables]", *(f'"SampledDataCtrlr.{key}" = "{value}"' for key, value in names.items())])
        async with virtual_station(tmp_path, version="1.6", extra_toml=toml, **SIGNED) as station:
            frames: list[Any] = []
            station.csms.log.listeners.append(lambda frame: frames.append(frame.to_json()))
            await begin(station)
            transaction = await end(station)
            pair(transaction, station)
            assert '\\"signedMeterValue\\"' in json.dumps(frames).replace("\\\\\\", "\\")
            assert [bool(value.public_key) for value in transaction.signed_values] == [True, False]

    run_virtual(story())
