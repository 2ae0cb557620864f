"""Availability, indication, the error catalogue and which EVSE a token is for."""

import pytest

from agent.domain import events as ev
from agent.domain.availability import Availability
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.indication import CHECKING, REJECTED, indication_for
from agent.domain.session_state import SessionState
from agent.domain.token_routing import choose_evse_for_start, choose_evse_for_token
from hal.api import Fault
from hal.panel import Buzzer, Light
from tests.agent.domain.session_rig import DRIVER, FRIEND, SessionRig, stop


def test_an_evse_serves_only_if_it_and_the_station_are_operative() -> None:
    availability = Availability([1, 2], {2: False})
    assert availability.operative(1)
    assert not availability.operative(2)
    assert availability.change(None, operative=False) == [0, 1, 2]
    assert availability.change(1, operative=True) == [1]
    assert not availability.operative(1)


def test_every_fault_is_in_the_catalogue() -> None:
    assert set(CATALOGUE) == set(Fault)
    assert all(entry.blocks_power for entry in CATALOGUE.values() if entry.ends_transaction is not None)


def test_only_a_meter_fault_leaves_the_power_on() -> None:
    assert {fault for fault, entry in CATALOGUE.items() if not entry.blocks_power} == {
        Fault.METER_SILENT,
        Fault.METER_IMPLAUSIBLE,
    }


@pytest.mark.parametrize("state", list(SessionState))
def test_every_state_shows_something_that_fits_the_display(state: SessionState) -> None:
    shown = indication_for(state, [])
    assert 0 < len(shown.text) <= 32
    assert shown.light is not Light.OFF


def test_the_gravest_fault_is_shown_with_its_number() -> None:
    shown = indication_for(SessionState.FAULTED, [Fault.METER_SILENT, Fault.OVER_CURRENT, Fault.CONTACTOR_WELDED])
    assert shown.text == "Danger: call the operator E06"
    assert indication_for(SessionState.CHARGING, [Fault.METER_SILENT]).text == "Charging"


def test_a_refusal_is_heard() -> None:
    assert REJECTED.buzzer is Buzzer.REJECTED
    assert CHECKING.buzzer is Buzzer.NONE


def numbered(*rigs: SessionRig) -> list[SessionRig]:
    for evse_id, rig in enumerate(rigs, start=1):
        rig.session.recorder.evse_id = evse_id
    return list(rigs)


def chosen(*rigs: SessionRig) -> int | None:
    return choose_evse_for_token([rig.session for rig in numbered(*rigs)], DRIVER)


def test_a_token_goes_where_it_started_something() -> None:
    assert chosen(SessionRig().plugged_in(), SessionRig().charging()) == 2


def test_a_new_token_goes_to_the_car_that_was_plugged_in_last() -> None:
    first, last = SessionRig().available(), SessionRig().available()
    last.now_s += 5
    first.feed(ev.EvPluggedIn())
    last.feed(ev.EvPluggedIn())
    assert chosen(first, last, SessionRig().available()) == 2


def test_a_waiting_car_comes_before_a_free_socket_and_a_finished_one_between() -> None:
    finished = SessionRig().charging()
    finished.feed(stop(), ev.EvStoppedRequestingPower())
    finished.finish()
    assert chosen(SessionRig().available(), finished) == 2
    assert chosen(SessionRig().available(), finished, SessionRig().plugged_in()) == 3


def test_where_everything_is_taken_a_token_goes_to_the_only_one_that_it_could_stop() -> None:
    busy = SessionRig().charging()
    busy.session.id_token = FRIEND
    assert chosen(busy, SessionRig()) == 1
    other = SessionRig().charging()
    other.session.id_token = FRIEND
    assert chosen(busy, other) is None


def test_a_single_evse_gets_every_token_so_that_a_refusal_is_shown() -> None:
    assert chosen(SessionRig()) == 1
    assert chosen(SessionRig(), SessionRig()) is None


def test_a_remote_start_without_a_place_finds_none() -> None:
    assert choose_evse_for_start([SessionRig().session], DRIVER) is None
