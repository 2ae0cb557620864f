"""Requests of a back-end to the station: availability, remote start and stop, tokens, samples."""

import asyncio
from pathlib import Path

import pytest

from agent.domain.session_state import SessionState
from agent.domain.vocabulary import IdToken, ReadingContext, StoppedReason
from agent.station.commands import AvailabilityOutcome, RemoteStart, UnlockOutcome
from tests.agent.station.station_rig import (
    CARD,
    OTHER_CARD,
    charge,
    contactor_closed,
    ended,
    play,
    plug_in,
    requests,
    state,
    states,
    station_of,
    unplug,
    until,
)
from tests.fakes.virtual_station import VirtualStation

START_AT_PLUG_IN = '[variables]\n"TxCtrlr.TxStartPoint" = "EVConnected"\n'


# ---------------------------------------------------------------------- availability


def test_availability_of_one_evse_outlives_a_restart(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        assert await station_of(rig).change_availability(2, operative=False) is AvailabilityOutcome.ACCEPTED
        await until(lambda: states(rig) == [SessionState.AVAILABLE, SessionState.UNAVAILABLE])
        await rig.kill()
        await rig.start()
        await until(lambda: states(rig) == [SessionState.AVAILABLE, SessionState.UNAVAILABLE])
        assert await station_of(rig).change_availability(2, operative=True) is AvailabilityOutcome.ACCEPTED
        await until(lambda: state(rig, 2) is SessionState.AVAILABLE)

    play(tmp_path, story, evses=2)


def test_availability_ordered_in_a_transaction_waits_for_its_end_even_over_a_restart(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        assert await station_of(rig).change_availability(1, operative=False) is AvailabilityOutcome.SCHEDULED
        await asyncio.sleep(10)
        await rig.kill()
        await rig.start()
        await asyncio.sleep(10)
        assert contactor_closed(rig)
        await unplug(rig)
        assert state(rig) is SessionState.UNAVAILABLE
        assert (await ended(rig)).stop_reason == "EVDisconnected"

    play(tmp_path, story)


def test_the_station_is_taken_out_of_service_where_it_is_free_and_later_where_it_is_not(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        assert await station_of(rig).change_availability(None, operative=False) is AvailabilityOutcome.SCHEDULED
        await until(lambda: state(rig, 2) is SessionState.UNAVAILABLE)
        assert contactor_closed(rig, 1)
        await unplug(rig, 1)
        assert states(rig) == [SessionState.UNAVAILABLE] * 2
        assert await station_of(rig).change_availability(None, operative=True) is AvailabilityOutcome.ACCEPTED
        await until(lambda: states(rig) == [SessionState.AVAILABLE] * 2)

    play(tmp_path, story, evses=2)


def test_a_return_to_service_that_comes_during_the_transaction_takes_the_order_back(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await station_of(rig).change_availability(1, operative=False)
        assert await station_of(rig).change_availability(1, operative=True) is AvailabilityOutcome.ACCEPTED
        await unplug(rig)
        assert state(rig) is SessionState.AVAILABLE

    play(tmp_path, story)


def test_an_evse_that_does_not_exist_is_refused_by_every_request(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        assert await station.change_availability(2, operative=False) is AvailabilityOutcome.REJECTED
        assert await station.unlock(2) is UnlockOutcome.UNKNOWN_CONNECTOR
        assert not (await station.remote_start(RemoteStart(CARD, evse_id=2))).accepted
        assert station.evse_status(2) is None
        assert await station.read_sample(2) is None
        assert not await station.trigger_transaction_sample(2)
        assert station.evse_ids == (1,)
        assert state(rig) is SessionState.AVAILABLE

    play(tmp_path, story)


# ---------------------------------------------------------------------- remote start and stop


def test_a_remote_start_that_names_no_evse_goes_to_the_car_that_came_last(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await plug_in(rig, 1)
        await plug_in(rig, 2)
        outcome = await station_of(rig).remote_start(RemoteStart(CARD, remote_start_id=7))
        assert outcome.accepted
        assert outcome.transaction_id is None
        await until(lambda: contactor_closed(rig, 2))
        assert state(rig, 1) is SessionState.AWAITING_AUTHORIZATION
        await until(lambda: bool(station_of(rig).open_transactions()))
        (running,) = station_of(rig).open_transactions()
        assert (running.evse_id, running.id_token, running.remote_start_id) == (2, CARD, 7)

    play(tmp_path, story, evses=3)


def test_a_remote_start_without_a_car_waits_at_a_free_evse_until_the_time_is_over(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        assert (await station_of(rig).remote_start(RemoteStart(CARD))).accepted
        assert SessionState.AWAITING_EV in states(rig)
        await asyncio.sleep(61)
        assert states(rig) == [SessionState.AVAILABLE] * 2

    play(tmp_path, story, evses=2)


def test_a_remote_start_is_refused_with_a_reason_where_it_can_do_nothing(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig)
        for request in (RemoteStart(OTHER_CARD), RemoteStart(OTHER_CARD, evse_id=1)):
            outcome = await station.remote_start(request)
            assert not outcome.accepted
            assert outcome.reason
        await unplug(rig)
        await station.change_availability(1, operative=False)
        await until(lambda: state(rig) is SessionState.UNAVAILABLE)
        assert (await station.remote_start(RemoteStart(OTHER_CARD, evse_id=1))).reason == "unavailable"
        assert not (await station.remote_start(RemoteStart(OTHER_CARD))).accepted
        assert len(rig.csms.ledger.transactions) == 1

    play(tmp_path, story)


def test_a_remote_start_is_told_the_transaction_that_the_plug_in_began(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await plug_in(rig)
        (begun,) = station_of(rig).open_transactions()
        assert begun.id_token is None
        outcome = await station_of(rig).remote_start(RemoteStart(CARD, evse_id=1))
        assert (outcome.accepted, outcome.transaction_id) == (True, begun.transaction_id)
        await until(lambda: contactor_closed(rig))

    play(tmp_path, story, extra_toml=START_AT_PLUG_IN)


def test_a_remote_stop_ends_its_own_transaction_and_no_other(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        await charge(rig, 1)
        await charge(rig, 2, OTHER_CARD)
        first, second = station.open_transactions()
        assert not await station.remote_stop("unknown")
        assert await station.remote_stop(second.transaction_id)
        await until(lambda: station.open_transactions() == (first,))
        assert contactor_closed(rig, 1)
        assert not await station.remote_stop(second.transaction_id)
        assert (await ended(rig)).stop_reason == "Remote"

    play(tmp_path, story, evses=2)


@pytest.mark.parametrize("stops", [True, False])
def test_a_refusal_of_a_running_token_stops_only_where_that_is_configured(tmp_path: Path, stops: bool) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        (running,) = station_of(rig).open_transactions()
        await station_of(rig).deauthorize(running.transaction_id)
        await asyncio.sleep(15)
        assert contactor_closed(rig) is not stops
        if stops:
            assert (await ended(rig)).stop_reason == StoppedReason.DEAUTHORIZED.value

    play(tmp_path, story, extra_toml=f"[authorization]\nstop_on_invalid_id = {str(stops).lower()}\n")


# ---------------------------------------------------------------------- tokens at readers


def test_a_card_goes_to_the_car_that_waits_among_those_its_reader_serves(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        for evse_id in (1, 2, 3):
            await plug_in(rig, evse_id)
        station_of(rig).card_presented(CARD, (1, 2))
        await until(lambda: contactor_closed(rig, 2))
        assert state(rig, 1) is state(rig, 3) is SessionState.AWAITING_AUTHORIZATION

    play(tmp_path, story, evses=3)


def test_a_card_stops_what_it_started_though_another_car_waits(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await plug_in(rig, 2)
        station_of(rig).card_presented(IdToken(CARD.value.lower()), (1, 2))
        assert (await ended(rig)).stop_reason == "Local"
        assert state(rig, 2) is SessionState.AWAITING_AUTHORIZATION

    play(tmp_path, story, evses=2)


def test_a_card_at_a_reader_that_does_not_serve_its_session_does_not_stop_it(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        station_of(rig).card_presented(CARD, (2,))
        await asyncio.sleep(5)
        assert contactor_closed(rig, 1)
        assert state(rig, 2) is SessionState.AWAITING_EV

    play(tmp_path, story, evses=2)


def test_a_card_that_no_evse_can_use_changes_nothing(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig, 1)
        await charge(rig, 2, OTHER_CARD)
        asked = requests(rig, "Authorize")
        station_of(rig).card_presented(IdToken("04DDEEFF"), (1, 2))
        station_of(rig).card_presented(CARD, ())
        station_of(rig).card_presented(CARD, (9,))
        await asyncio.sleep(5)
        assert requests(rig, "Authorize") == asked
        assert contactor_closed(rig, 1)
        assert contactor_closed(rig, 2)

    play(tmp_path, story, evses=2)


def test_a_reader_serves_the_evses_that_are_configured(tmp_path: Path) -> None:
    reader = f'[[reader]]\ndriver = "line"\nport = "{tmp_path}/reader1"\nevses = [1]\n'

    async def story(rig: VirtualStation) -> None:
        await plug_in(rig, 1)
        await plug_in(rig, 2)
        rig.lines.bench.swipe(CARD.value)
        await until(lambda: contactor_closed(rig, 1))
        assert state(rig, 2) is SessionState.AWAITING_AUTHORIZATION

    play(tmp_path, story, evses=2, extra_toml=reader)


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_token_that_the_cache_knows_permits_power_before_the_back_end_could_answer(
    tmp_path: Path, version: str
) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await unplug(rig)
        await asyncio.sleep(3)
        asked = requests(rig, "Authorize")
        await plug_in(rig)
        await asyncio.sleep(3)
        seen: list[tuple[str, float]] = []
        rig.lines.bench.subscribers.append(
            lambda event: seen.append((str(event.get("name", event["event"])), event["t"]))
        )
        rig.lines.bench.swipe(CARD.value)
        await until(lambda: contactor_closed(rig))
        at_s = dict(reversed(seen))
        assert at_s["FE"] - at_s["swipe"] <= 0.020
        assert requests(rig, "Authorize") == asked

    play(tmp_path, story, version=version)


# ---------------------------------------------------------------------- samples, cache, points


def test_a_sample_can_be_asked_for_outside_and_inside_a_transaction(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        sample = await station.read_sample(1)
        assert sample is not None
        assert sample.context is ReadingContext.TRIGGER
        assert not await station.trigger_transaction_sample(1)
        await charge(rig)
        told = requests(rig, "TransactionEvent")
        assert await station.trigger_transaction_sample(1)
        await until(lambda: requests(rig, "TransactionEvent") > told, 5)
        rig.lines.bench.fault(1, "meter_silent")
        await asyncio.sleep(5)
        assert await station.read_sample(1) is None

    play(tmp_path, story)


def test_a_cleared_cache_asks_the_back_end_again(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        await charge(rig)
        await unplug(rig)
        asked = requests(rig, "Authorize")
        assert await station_of(rig).clear_authorization_cache()
        await charge(rig)
        assert requests(rig, "Authorize") == asked + 1

    play(tmp_path, story)


def test_what_waits_for_the_back_end_is_told_truthfully(tmp_path: Path) -> None:
    async def story(rig: VirtualStation) -> None:
        station = station_of(rig)
        rig.reachable = False
        rig.drop()
        await until(lambda: not station.is_online)
        await plug_in(rig)
        station.card_presented(CARD, (1,))
        await asyncio.sleep(5)
        assert not contactor_closed(rig), "an unknown token offline"
        assert not station.has_queued_facts()
        rig.reachable = True
        await until(lambda: station.is_online, 200)
        station.card_presented(CARD, (1,))
        await until(lambda: contactor_closed(rig))
        (running,) = station.open_transactions()
        await until(lambda: not station.has_queued_facts(running.transaction_id))

    play(tmp_path, story)
