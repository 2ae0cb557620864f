"""Reset in its kinds, and how the process stops."""

import asyncio
from pathlib import Path

import pytest

from agent.domain.vocabulary import StoppedReason, TriggerReason
from agent.station.commands import RemoteStart, ResetKind, ResetOutcome
from agent.station.orderly_reset import RETRY_S, STOP_TIMEOUT_S
from tests.agent.station.station_rig import (
    CARD,
    OTHER_CARD,
    boot_reasons,
    charge,
    come_back,
    contactor_closed,
    ended,
    play,
    plug_in,
    station_of,
    unplug,
    until,
)
from tests.agent.store.disk_limits import file_size_limit
from tests.fakes.virtual_station import VirtualStation


def retries_toml(retries: int) -> str:
    return f'[csms]\nframe_log = false\n[variables]\n"OCPPCommCtrlr.ResetRetries" = {retries}\n'


@pytest.mark.parametrize("kind", list(ResetKind))
def test_an_idle_station_restarts_at_once_and_says_why(tmp_path: Path, kind: ResetKind) -> None:
    async def story(rig: VirtualStation) -> None:
        assert await station_of(rig).reset(kind) is ResetOutcome.ACCEPTED
        await come_back(rig)
        assert boot_reasons(rig) == ["PowerUp", "RemoteReset"]
        assert rig.restarts == 1

    play(tmp_path, story)


@pytest.mark.parametrize(("kind", "reason"), [(ResetKind.IMMEDIATE, "HardReset"), (ResetKind.SOFT, "SoftReset")])
def test_a_reset_ends_what_runs_before_it_restarts(tmp_path: Path, kind: ResetKind, reason: str) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2, OTHER_CARD)
        assert await station_of(rig).reset(kind) is ResetOutcome.ACCEPTED
        assert rig.restarts == 0
        await until(lambda: rig.restarts > 0)
        assert not contactor_closed(rig, 1)
        assert not contactor_closed(rig, 2)
        assert not station_of(rig).open_transactions()
        await come_back(rig)
        await ended(rig)
        assert [transaction.is_whole for transaction in rig.csms.ledger.transactions] == [True, True]
        assert {transaction.stop_reason for transaction in rig.csms.ledger.transactions} == {reason}

    play(tmp_path, story, version="1.6", evses=2)


def test_a_reset_on_idle_waits_for_the_last_transaction(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2, OTHER_CARD)
        assert await station_of(rig).reset(ResetKind.ON_IDLE) is ResetOutcome.SCHEDULED
        await unplug(rig, 1)
        await asyncio.sleep(60)
        assert contactor_closed(rig, 2)
        assert rig.restarts == 0
        rig.lines.bench.plug_out(2)
        await come_back(rig)
        assert boot_reasons(rig)[-1] == "ScheduledReset"
        assert (await ended(rig)).stop_reason == "EVDisconnected"

    play(tmp_path, story, evses=2)


def test_an_immediate_reset_takes_the_place_of_one_that_waits(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        assert await station_of(rig).reset(ResetKind.ON_IDLE) is ResetOutcome.SCHEDULED
        assert await station_of(rig).reset(ResetKind.IMMEDIATE) is ResetOutcome.ACCEPTED
        await come_back(rig)
        assert boot_reasons(rig)[-1] == "RemoteReset"
        assert rig.restarts == 1

    play(tmp_path, story)


def test_a_second_reset_while_the_first_is_under_way_adds_nothing(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        for kind in (ResetKind.IMMEDIATE, ResetKind.SOFT):
            assert await station_of(rig).reset(kind) is ResetOutcome.ACCEPTED
        await come_back(rig)
        assert rig.restarts == 1
        assert (await ended(rig)).stop_reason == "ImmediateReset"

    play(tmp_path, story)


def test_nothing_starts_while_the_station_stops_and_it_serves_again_afterwards(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await plug_in(rig, 2)
        await station_of(rig).reset(ResetKind.IMMEDIATE)
        await asyncio.sleep(0.5)
        assert not (await station_of(rig).remote_start(RemoteStart(OTHER_CARD, evse_id=2))).accepted
        station_of(rig).card_presented(OTHER_CARD, (2,))
        await come_back(rig)
        assert not contactor_closed(rig, 2)
        assert len(rig.csms.ledger.transactions) == 1
        station_of(rig).card_presented(OTHER_CARD, (2,))
        await until(lambda: contactor_closed(rig, 2))

    play(tmp_path, story, evses=2)


def test_one_evse_alone_cannot_be_reset_and_nothing_happens(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        assert await station_of(rig).reset(ResetKind.IMMEDIATE, 1) is ResetOutcome.REJECTED
        await asyncio.sleep(20)
        assert contactor_closed(rig)
        assert rig.restarts == 0

    play(tmp_path, story)


def test_a_killed_process_says_that_it_starts_again_for_no_reason_of_the_back_end(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await rig.kill()
        await rig.start()
        await until(lambda: station_of(rig).is_online)
        assert boot_reasons(rig) == ["PowerUp", "ApplicationReset"]

    play(tmp_path, story)


def test_stopping_waits_until_every_session_has_ended(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2, OTHER_CARD)
        await station_of(rig).stop_all(StoppedReason.REBOOT, TriggerReason.RESET_COMMAND)
        assert not contactor_closed(rig, 1)
        assert not contactor_closed(rig, 2)
        assert not station_of(rig).open_transactions()

    play(tmp_path, story, evses=2)


def test_stopping_ends_in_time_though_the_loop_of_an_evse_hangs(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2, OTHER_CARD)
        station = station_of(rig)
        loop = asyncio.get_running_loop()
        station.evses[1]._inbox.get = asyncio.Event().wait  # type: ignore[method-assign,assignment]  # it waits for ever
        await asyncio.sleep(1.5)  # its next beat takes it there
        began_s = loop.time()
        await station.stop_all(StoppedReason.REBOOT, TriggerReason.RESET_COMMAND)
        assert loop.time() - began_s <= STOP_TIMEOUT_S
        assert not contactor_closed(rig, 2)
        assert [transaction.evse_id for transaction in station.open_transactions()] == [1]

    play(tmp_path, story, evses=2)


@pytest.mark.parametrize(("retries", "reason"), [(3, "HardReset"), (0, "PowerLoss")])
def test_a_reset_whose_stop_cannot_be_stored_is_tried_again_as_often_as_configured(
    tmp_path: Path, retries: int, reason: str
) -> None:
    """OCPP 1.6 section 9.1, ResetRetries: the disk recovers after 10 s, and the process dies with the supply."""

    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig)
        await asyncio.sleep(10)
        with file_size_limit(0):
            assert await station.reset(ResetKind.IMMEDIATE) is ResetOutcome.ACCEPTED
            await until(lambda: not contactor_closed(rig))
            await asyncio.sleep(10)
            assert (rig.restarts == 0) is (retries > 0)
            if not retries:
                await rig.kill()
                rig.lines.bench.power_cut()
                rig.lines.bench.power_on()
        await (come_back(rig) if retries else rig.start())
        assert (await ended(rig)).stop_reason == reason

    play(tmp_path, story, version="1.6", extra_toml=retries_toml(retries))


def test_a_reset_comes_all_the_same_after_its_last_retry(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig, 1)
        station.evses[1]._inbox.get = asyncio.Event().wait  # type: ignore[method-assign,assignment]  # it waits for ever
        await asyncio.sleep(1.5)
        began_s = asyncio.get_running_loop().time()
        await station.reset(ResetKind.IMMEDIATE)
        await until(lambda: rig.restarts > 0, 100)
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(3 * STOP_TIMEOUT_S + 2 * RETRY_S, abs=0.5)
        await rig.kill()

    play(tmp_path, story, extra_toml=retries_toml(2))


def test_the_card_that_was_stopped_by_a_reset_is_not_charging_afterwards(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1, CARD)
        await station_of(rig).reset(ResetKind.IMMEDIATE)
        await come_back(rig)
        await asyncio.sleep(30)
        assert not contactor_closed(rig)
        assert len(rig.csms.ledger.transactions) == 1

    play(tmp_path, story)
