"""The one table of a charging session: which event leads from which state where, under what condition, doing what.

Conditions and effects are names of `ChargingSession` methods. Rows of one trigger are tried from the top; the first
whose condition holds is taken. `dest=None` stays in the state. What is in neither TABLE nor IGNORED is a mistake that
a test finds; safety events have rows for every state.
"""

from collections.abc import Iterable
from typing import Final

from agent.domain.session_state import SessionState as S
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    trigger: str
    sources: tuple[S, ...]
    dest: S | None
    when: tuple[str, ...] = ()
    do: tuple[str, ...] = ()


ALL: Final = tuple(S)
ACTIVE: Final = (S.SUSPENDED_EVSE, S.SUSPENDED_EV, S.CHARGING)
"""Authorised and plugged in."""
ENDING: Final = (S.STOPPING, S.OPENING, S.READING_METER)
IDLE: Final = (S.AVAILABLE, S.AWAITING_AUTHORIZATION, S.FINISHING)
"""A token is welcome."""
RESTING: Final = (*IDLE, S.AWAITING_EV, S.UNAVAILABLE)


def _rest(trigger: str, sources: Iterable[S], *, when: tuple[str, ...] = (), do: tuple[str, ...] = ()) -> list[Row]:
    """Rows that lead to wherever an EVSE without an authorisation belongs."""
    return [
        Row(trigger, tuple(sources), S.FAULTED, (*when, "is_blocked"), do),
        Row(trigger, tuple(sources), S.UNAVAILABLE, (*when, "is_inoperative"), do),
        Row(trigger, tuple(sources), S.FINISHING, (*when, "is_plugged", "is_served"), do),
        *_charge(trigger, sources, when=(*when, "is_plugged", "is_free"), do=(*do, "accept_free", "lock")),
        Row(trigger, tuple(sources), S.AWAITING_AUTHORIZATION, (*when, "is_plugged"), do),
        Row(trigger, tuple(sources), S.AVAILABLE, when, do),
    ]


def _charge(trigger: str, sources: Iterable[S], *, when: tuple[str, ...] = (), do: tuple[str, ...] = ()) -> list[Row]:
    """Rows that lead to wherever an authorised, plugged-in EVSE belongs."""
    return [
        Row(trigger, tuple(sources), S.CHARGING, (*when, "can_offer", "ev_asks"), (*do, "offer")),
        Row(trigger, tuple(sources), S.SUSPENDED_EV, (*when, "can_offer"), (*do, "offer")),
        Row(trigger, tuple(sources), S.SUSPENDED_EVSE, when, do),
    ]


def _open(trigger: str, sources: Iterable[S], *, when: tuple[str, ...] = (), do: tuple[str, ...] = ()) -> list[Row]:
    """Rows that end an authorisation with power forbidden: by way of the contactor's feedback unless it is open."""
    return [
        Row(trigger, tuple(sources), S.READING_METER, (*when, "is_contactor_open"), (*do, "withdraw", "read_meter")),
        Row(trigger, tuple(sources), S.OPENING, when, (*do, "withdraw")),
    ]


def _recover(trigger: str) -> list[Row]:
    """Rows that leave FAULTED once nothing blocks any more."""
    return [
        *_open(trigger, (S.FAULTED,), when=("is_unblocked", "must_end"), do=("forbid_stopped",)),
        *_charge(trigger, (S.FAULTED,), when=("is_unblocked", "is_authorized")),
        *_rest(trigger, (S.FAULTED,), when=("is_unblocked",)),
    ]


TABLE: Final[tuple[Row, ...]] = (
    # The board speaks. OPENING and READING_METER end a transaction that cannot be shown to be of this plug-in.
    *_open("board_answered", (S.UNKNOWN,), when=("must_end",), do=("forbid_stopped",)),
    Row("board_answered", (S.UNKNOWN,), S.FAULTED, ("is_blocked",), ("forbid_fault",)),
    *_charge("board_answered", (S.UNKNOWN,), when=("is_authorized",), do=("lock",)),
    *_rest("board_answered", (S.UNKNOWN,), do=("forbid_if_closed",)),
    *_open("board_answered", ACTIVE, when=("must_end",), do=("forbid_stopped",)),
    *_charge("board_answered", ACTIVE),
    *_recover("board_answered"),
    Row("board_answered", (S.OPENING,), S.READING_METER, ("is_contactor_open",), ("forbid_if_closed", "read_meter")),
    Row("board_answered", (*RESTING, *ENDING, S.FAULTED), None, do=("forbid_if_closed",)),
    Row("board_was_reset", ALL, None),
    # The car.
    *_charge("ev_plugged_in", (S.AVAILABLE,), when=("is_free",), do=("accept_free", "lock")),
    Row("ev_plugged_in", (S.AVAILABLE,), S.AWAITING_AUTHORIZATION),
    *_charge("ev_plugged_in", (S.AWAITING_EV,), do=("lock",)),
    *_rest("ev_unplugged", (S.AWAITING_AUTHORIZATION, S.FINISHING), do=("forbid_unplugged", "end_plug_in")),
    Row("ev_unplugged", (S.UNAVAILABLE,), None, do=("forbid_unplugged", "end_plug_in")),
    *_open("ev_unplugged", (*ACTIVE, S.STOPPING), do=("forbid_unplugged", "stop_by_unplugging")),
    *_open("ev_unplugged", (S.FAULTED,), when=("is_authorized",), do=("forbid_unplugged", "stop_by_unplugging")),
    Row("ev_unplugged", (S.FAULTED,), None, do=("forbid_unplugged", "end_plug_in")),
    Row("ev_unplugged", (S.OPENING, S.READING_METER), None, do=("forbid_unplugged", "note_departure")),
    Row("ev_requested_power", (S.SUSPENDED_EV,), S.CHARGING),
    Row("ev_stopped_requesting_power", (S.CHARGING,), S.SUSPENDED_EV, do=("forbid_ev_stopped", "permit_if_open")),
    Row("ev_stopped_requesting_power", (S.SUSPENDED_EVSE,), None, do=("forbid_ev_stopped",)),
    *_open("ev_stopped_requesting_power", (S.STOPPING,), do=("forbid_ev_stopped",)),
    # Feedback of the contactor.
    Row("power_turned_off", (S.OPENING,), S.READING_METER, do=("read_meter",)),
    # In CHARGING: the EV went C-B-C faster than the contactor's feedback came.
    Row("power_turned_off", (S.SUSPENDED_EV, S.CHARGING), None, do=("permit",)),
    *_recover("power_turned_off"),
    Row("power_turned_on", (*RESTING, S.OPENING, S.FAULTED), None, do=("forbid_unauthorized",)),
    # The opening was taken back: what is read now is not the end of it.
    Row("power_turned_on", (S.READING_METER,), None, do=("forbid_unauthorized", "miss_reading")),
    Row("power_turned_on", (S.SUSPENDED_EVSE,), None, do=("forbid_stopped",)),
    # The meter.
    *_rest("meter_sampled", (S.READING_METER,), when=("is_final_reading", "is_signed"), do=("end_authorization",)),
    *_rest("signing_ended", (S.READING_METER,), when=("is_read", "is_signed"), do=("end_authorization",)),
    *_rest("signing_ended", (S.READING_METER,), when=("is_unsigned",), do=("miss_reading", "end_authorization")),
    Row("signing_began", (S.SUSPENDED_EVSE,), S.CHARGING, ("can_offer", "ev_asks"), ("offer",)),
    Row("signing_began", (S.SUSPENDED_EVSE,), S.SUSPENDED_EV, ("can_offer",), ("offer",)),
    # A car that came before anything could be billed.
    *_charge("meter_sampled", (S.AWAITING_AUTHORIZATION,), when=("is_free",), do=("accept_free", "lock")),
    # Faults.
    *_open("fault_appeared", ACTIVE, when=("is_ending_fault",), do=("forbid_fault", "stop_by_fault")),
    *_open(
        "fault_appeared", (S.FAULTED,), when=("is_ending_fault", "is_authorized"), do=("forbid_fault", "stop_by_fault")
    ),
    Row("fault_appeared", ACTIVE, S.FAULTED, ("is_blocked",), ("forbid_fault", "withdraw")),
    Row("fault_appeared", RESTING, S.FAULTED, ("is_blocked",), ("forbid_fault", "give_up_waiting")),
    *_open("fault_appeared", (S.STOPPING,), when=("is_blocked",), do=("forbid_fault",)),
    Row("fault_appeared", (S.OPENING, S.READING_METER, S.FAULTED), None, ("is_blocked",), ("forbid_fault",)),
    *_recover("fault_disappeared"),
    # Tokens.
    Row("token_presented", IDLE, None, do=("ask",)),
    *_rest("token_presented", (S.AWAITING_EV,), when=("is_same_token",), do=("cancel",)),
    Row("token_presented", ACTIVE, None, ("is_other_token",), ("ask",)),
    Row("token_presented", (S.CHARGING,), S.STOPPING, do=("stop_by_token", "withdraw")),
    Row("token_presented", (S.SUSPENDED_EVSE,), S.STOPPING, ("ev_asks", "is_contactor_closed"), ("stop_by_token",)),
    *_open("token_presented", (S.SUSPENDED_EVSE, S.SUSPENDED_EV), do=("forbid_stopped", "stop_by_token")),
    *_open(
        "token_presented", (S.FAULTED,), when=("is_authorized", "is_same_token"), do=("forbid_stopped", "stop_by_token")
    ),
    Row("token_presented", (S.UNKNOWN, S.AWAITING_EV, *ENDING, S.FAULTED, S.UNAVAILABLE), None, do=("show_rejected",)),
    Row("authorization_answered", ALL, None, ("is_stale_answer",)),
    Row("authorization_answered", IDLE, None, ("is_refused",), ("show_rejected",)),
    Row("authorization_answered", (S.AVAILABLE,), S.AWAITING_EV, do=("accept",)),
    *_charge("authorization_answered", (S.AWAITING_AUTHORIZATION, S.FINISHING), do=("accept", "lock")),
    Row("authorization_answered", ACTIVE, None, ("is_other_group",), ("show_rejected",)),
    Row("authorization_answered", (S.CHARGING,), S.STOPPING, do=("stop_by_token", "withdraw")),
    Row(
        "authorization_answered",
        (S.SUSPENDED_EVSE,),
        S.STOPPING,
        ("ev_asks", "is_contactor_closed"),
        ("stop_by_token",),
    ),
    *_open("authorization_answered", (S.SUSPENDED_EVSE, S.SUSPENDED_EV), do=("forbid_stopped", "stop_by_token")),
    # The back-end.
    Row("remote_start_requested", IDLE, None, ("cannot_start",), ("respond_rejected",)),
    Row("remote_start_requested", IDLE, None, ("is_to_be_authorized",), ("respond_accepted", "ask")),
    Row("remote_start_requested", (S.AVAILABLE,), S.AWAITING_EV, do=("respond_accepted", "accept")),
    *_charge(
        "remote_start_requested",
        (S.AWAITING_AUTHORIZATION, S.FINISHING),
        do=("respond_accepted", "accept", "lock"),
    ),
    Row(
        "remote_start_requested",
        (S.UNKNOWN, S.AWAITING_EV, *ACTIVE, *ENDING, S.FAULTED, S.UNAVAILABLE),
        None,
        do=("respond_rejected",),
    ),
    *_rest("stop_requested", (S.AWAITING_EV,), do=("respond_accepted", "stop_as_requested", "cancel")),
    Row("stop_requested", (S.CHARGING,), S.STOPPING, do=("respond_accepted", "stop_as_requested", "withdraw")),
    Row(
        "stop_requested",
        (S.SUSPENDED_EVSE,),
        S.STOPPING,
        ("ev_asks", "is_contactor_closed"),
        ("respond_accepted", "stop_as_requested"),
    ),
    *_open(
        "stop_requested",
        (S.SUSPENDED_EVSE, S.SUSPENDED_EV),
        do=("forbid_stopped", "respond_accepted", "stop_as_requested"),
    ),
    *_open(
        "stop_requested",
        (S.AWAITING_AUTHORIZATION, S.FINISHING, S.FAULTED),
        when=("is_stoppable",),
        do=("forbid_stopped", "respond_accepted", "stop_as_requested"),
    ),
    Row("stop_requested", ENDING, None, do=("respond_accepted",)),
    Row("stop_requested", (S.UNKNOWN, *IDLE, S.FAULTED, S.UNAVAILABLE), None, do=("respond_rejected",)),
    Row("limit_changed", (S.SUSPENDED_EVSE,), S.CHARGING, ("can_offer", "ev_asks"), ("offer",)),
    Row("limit_changed", (S.SUSPENDED_EVSE,), S.SUSPENDED_EV, ("can_offer",), ("offer",)),
    Row("limit_changed", (S.SUSPENDED_EV, S.CHARGING), None, ("can_offer",), ("offer_again",)),
    Row("limit_changed", (S.SUSPENDED_EV, S.CHARGING), S.SUSPENDED_EVSE, do=("withdraw",)),
    Row("lock_moved", (S.SUSPENDED_EVSE,), S.CHARGING, ("can_offer", "ev_asks"), ("offer",)),
    Row("lock_moved", (S.SUSPENDED_EVSE,), S.SUSPENDED_EV, ("can_offer",), ("offer",)),
    Row("lock_moved", (S.SUSPENDED_EV, S.CHARGING), None, ("can_offer",)),
    Row("lock_moved", (S.SUSPENDED_EV, S.CHARGING), S.SUSPENDED_EVSE, do=("forbid_stopped", "withdraw")),
    *_rest("operative_changed", (*IDLE, S.UNAVAILABLE)),
    Row("operative_changed", (S.AWAITING_EV,), S.UNAVAILABLE, ("is_inoperative",), ("cancel",)),
    # Time.
    *_rest("deadline_passed", (S.AWAITING_EV,), do=("time_out", "cancel")),
    Row("deadline_passed", (S.SUSPENDED_EVSE,), None, ("ev_asks",), ("forbid_stopped",)),
    *_open("deadline_passed", (S.STOPPING,), do=("forbid_stopped",)),
    Row("deadline_passed", (S.OPENING,), S.READING_METER, do=("forbid_stopped", "miss_confirmation", "read_meter")),
    *_rest("deadline_passed", (S.READING_METER,), do=("miss_reading", "end_authorization")),
)

IGNORED: Final[dict[str, tuple[S, ...]]] = {
    # trigger: states in which nothing follows beyond the session taking note of it
    "ev_plugged_in": (S.UNKNOWN, S.AWAITING_AUTHORIZATION, *ACTIVE, *ENDING, S.FINISHING, S.FAULTED, S.UNAVAILABLE),
    "ev_unplugged": (S.UNKNOWN, S.AVAILABLE, S.AWAITING_EV),
    "ev_requested_power": tuple(s for s in ALL if s is not S.SUSPENDED_EV),
    "ev_stopped_requesting_power": tuple(s for s in ALL if s not in {S.CHARGING, S.SUSPENDED_EVSE, S.STOPPING}),
    "power_turned_off": tuple(s for s in ALL if s not in {S.OPENING, S.SUSPENDED_EV, S.CHARGING}),
    "power_turned_on": (S.UNKNOWN, S.SUSPENDED_EV, S.CHARGING, S.STOPPING),
    "meter_sampled": ALL,
    "signing_began": ALL,
    "signing_ended": ALL,
    "fault_appeared": ALL,  # before the board has answered, and faults that do not block power
    "fault_disappeared": ALL,
    "authorization_answered": (S.UNKNOWN, S.AWAITING_EV, *ENDING, S.FAULTED, S.UNAVAILABLE),
    "limit_changed": (S.UNKNOWN, S.SUSPENDED_EVSE, *RESTING, *ENDING, S.FAULTED),
    "lock_moved": tuple(s for s in ALL if s not in {S.SUSPENDED_EV, S.CHARGING}),
    "operative_changed": (S.UNKNOWN, S.AWAITING_EV, *ACTIVE, *ENDING, S.FAULTED),
    "deadline_passed": (S.UNKNOWN, *IDLE, *ACTIVE, S.FAULTED, S.UNAVAILABLE),
}
"""A pair that stands here as well as in TABLE has only conditional rows there."""
