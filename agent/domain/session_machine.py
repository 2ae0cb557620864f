"""The machine that all sessions of a station share, built from the one table, and what triggers it."""

from typing import Final

from transitions import Machine

from agent.domain import events as ev
from agent.domain.session_state import SessionState
from agent.domain.session_table import TABLE


def session_machine() -> Machine:
    """Build the machine; sessions are added to it as models."""
    machine = Machine(
        model=None,
        states=SessionState,
        initial=SessionState.UNKNOWN,
        auto_transitions=False,
        ignore_invalid_triggers=True,
        model_override=True,
    )
    for row in TABLE:
        machine.add_transition(
            row.trigger, list(row.sources), row.dest, conditions=[*row.when], before=[f"_do_{name}" for name in row.do]
        )
    return machine


TRIGGERS: Final[dict[type[ev.Event], str]] = {
    ev.BoardAnswered: "board_answered",
    ev.BoardWasReset: "board_was_reset",
    ev.EvPluggedIn: "ev_plugged_in",
    ev.EvRequestedPower: "ev_requested_power",
    ev.EvStoppedRequestingPower: "ev_stopped_requesting_power",
    ev.EvUnplugged: "ev_unplugged",
    ev.PowerTurnedOn: "power_turned_on",
    ev.PowerTurnedOff: "power_turned_off",
    ev.FaultAppeared: "fault_appeared",
    ev.FaultDisappeared: "fault_disappeared",
    ev.LockMoved: "lock_moved",
    ev.MeterSampled: "meter_sampled",
    ev.SigningBegan: "signing_began",
    ev.SigningEnded: "signing_ended",
    ev.TokenPresented: "token_presented",
    ev.RemoteStartRequested: "remote_start_requested",
    ev.AuthorizationAnswered: "authorization_answered",
    ev.StopRequested: "stop_requested",
    ev.LimitChanged: "limit_changed",
    ev.OperativeChanged: "operative_changed",
    ev.ReservationChanged: "operative_changed",  # both say whom this EVSE may serve
    ev.DeadlinePassed: "deadline_passed",
}
