"""The table is whole: every state and trigger is decided, and nothing in it is misspelt or out of reach."""

import pytest

from agent.domain.charging_session import ChargingSession
from agent.domain.session_machine import TRIGGERS
from agent.domain.session_state import SessionState
from agent.domain.session_table import ACTIVE, ALL, ENDING, IDLE, IGNORED, RESTING, TABLE, Row

PAIRS = [(trigger, state) for trigger in sorted(set(TRIGGERS.values())) for state in SessionState]
POWER_COULD_FLOW = (*ACTIVE, *ENDING)


def rows_of(trigger: str, state: SessionState) -> list[Row]:
    return [row for row in TABLE if row.trigger == trigger and state in row.sources]


@pytest.mark.parametrize(("trigger", "state"), PAIRS)
def test_every_event_in_every_state_is_decided(trigger: str, state: SessionState) -> None:
    rows = rows_of(trigger, state)
    ignored = state in IGNORED.get(trigger, ())
    assert rows or ignored
    always = any(not row.when for row in rows)
    assert always != ignored, "a pair is ignored exactly if no row of it is unconditional"


@pytest.mark.parametrize(("trigger", "state"), PAIRS)
def test_no_row_stands_behind_one_that_is_always_taken(trigger: str, state: SessionState) -> None:
    assert all(row.when for row in rows_of(trigger, state)[:-1])


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.trigger}-{row.dest}")
def test_conditions_and_effects_are_methods_of_the_session(row: Row) -> None:
    assert all(callable(getattr(ChargingSession, name, None)) for name in row.when)
    assert all(callable(getattr(ChargingSession, f"_do_{name}", None)) for name in row.do)


def test_the_table_names_only_triggers_that_events_have() -> None:
    assert {row.trigger for row in TABLE} == set(TRIGGERS.values())
    assert set(IGNORED) <= set(TRIGGERS.values())


def test_every_effect_of_the_session_is_used() -> None:
    effects = {name.removeprefix("_do_") for name in dir(ChargingSession) if name.startswith("_do_")}
    assert effects == {name for row in TABLE for name in row.do}


def test_every_state_can_be_reached_and_left() -> None:
    assert {row.dest for row in TABLE} - {None} == set(ALL) - {SessionState.UNKNOWN}
    assert {state for row in TABLE if row.dest is not None for state in row.sources} == set(ALL)


def test_the_groups_of_states_cover_all_of_them() -> None:
    assert {*ACTIVE, *ENDING, *IDLE, *RESTING, SessionState.UNKNOWN, SessionState.FAULTED} == set(ALL)


def forbids(row: Row) -> bool:
    return any(name.startswith("forbid_") for name in row.do)


@pytest.mark.parametrize("state", [*POWER_COULD_FLOW, SessionState.FAULTED, SessionState.UNAVAILABLE])
def test_unplugging_forbids_power_wherever_it_could_flow(state: SessionState) -> None:
    rows = rows_of("ev_unplugged", state)
    assert rows
    assert all(forbids(row) for row in rows)


@pytest.mark.parametrize("state", [state for state in ALL if state is not SessionState.UNKNOWN])
def test_a_fault_that_blocks_forbids_power_in_every_state(state: SessionState) -> None:
    rows = rows_of("fault_appeared", state)
    assert rows
    assert all(forbids(row) for row in rows)


@pytest.mark.parametrize(
    "state",
    [*RESTING, SessionState.FAULTED, SessionState.OPENING, SessionState.READING_METER, SessionState.SUSPENDED_EVSE],
)
def test_a_contactor_that_closes_where_nobody_may_have_power_is_opened(state: SessionState) -> None:
    rows = rows_of("power_turned_on", state)
    assert rows
    assert all(forbids(row) and not row.when for row in rows)


@pytest.mark.parametrize("state", [SessionState.CHARGING, SessionState.STOPPING])
def test_leaving_state_c_forbids_power(state: SessionState) -> None:
    rows = rows_of("ev_stopped_requesting_power", state)
    assert rows
    assert all(forbids(row) for row in rows)


@pytest.mark.parametrize("state", ENDING)
def test_every_ending_state_is_left_by_its_deadline(state: SessionState) -> None:
    rows = rows_of("deadline_passed", state)
    assert any(not row.when for row in rows)
    assert all(row.dest not in {None, state} for row in rows)
