"""Which command an OpenEVSE board needs next (rule).

What is wanted and what is known are plain values; nothing is queued, so nothing old can be sent: each command is
chosen in the moment in which it is written. Only feedback (`$GS`, `$AT`) moves the plan on.
Source: facts: rapi_openevse, traps 1-6.
"""

import math
from enum import Enum
from typing import Final

from hal.codecs.rapi_values import (
    HEARTBEAT_ACKNOWLEDGE,
    MIN_CURRENT_A,
    VOLATILE,
    EvseState,
    HeartbeatTrigger,
    Verb,
)
from hal.drivers.openevse_state import OpenEvseState
from hal.value import dataclass

FAST_POLL_S: Final = 0.1
HOLD_F_S: Final = 0.3
"""Facts: iec61851_facts, sequence 12: F is held for at least this."""
TIME_LIMIT_STEP_S: Final = 900
_MAX_TIME_LIMIT_STEPS: Final = 255
_TRIGGER_FRESH_S: Final = 1.0
_LONGEST_WAIT_S: Final = 1.0
_RUNNING: Final = frozenset({EvseState.B, EvseState.C})
_CAN_SLEEP: Final = frozenset({EvseState.A, EvseState.B, EvseState.C, EvseState.UNKNOWN, EvseState.DISABLED})
"""A fault is left as it is: the board has opened and clears it its own way (trap 8)."""


class Target(Enum):
    """What the board should be."""

    ENABLED = "enabled"
    ASLEEP = "asleep"
    """Steady +12 V: no offer, but plugging in is seen."""
    AS_IT_IS = "as_it_is"
    """Nobody decided yet: the agent has just come up, or the EV paused and may come back."""


@dataclass(frozen=True, slots=True)
class Command:
    """One RAPI command."""

    verb: Verb
    params: tuple[str, ...] = ()


@dataclass(slots=True)
class Wanted:
    """What the agent asked for."""

    offered_current_a: int | None = None
    """None: not asked yet."""
    refused_current_a: int | None = None
    """An offer that the board answered with more than asked: not to be tried again."""
    permitted_until_s: float = -math.inf
    undecided_until_s: float = -math.inf
    waits_for_ev_until_s: float = -math.inf
    """The EV left C by itself: the offer stands, permission does not; infinite until it comes back."""
    opening: bool = False
    """`$FD` is ordered and not yet seen through."""
    open_by_s: float = math.inf
    """When the contactor must be seen open at the latest."""
    faulty: bool = False
    """A fault stands: the board must not be enabled."""


@dataclass(slots=True)
class Known:
    """What is known of the board beside its state."""

    time_limit_steps: int
    """Lease of `$S3`: how far ahead of the charging time it is kept at least, in steps of 15 min."""
    stale: bool = True
    """A command went out since the state was last read."""
    current_a: int | None = None
    """Offered current as the board confirmed it."""
    asked_current_a: int | None = None
    """What it was asked for when it confirmed; None if it changed by itself since."""
    trigger: int | None = None
    trigger_read_s: float = -math.inf
    open_since_s: float | None = None
    """Since when, in `opening`, the board is seen disabled with its contactor open."""
    next_change_s: float = -math.inf
    last_order: Verb | None = None
    """The last command that changed whether the board is enabled."""
    next_open_s: float = -math.inf
    next_heartbeat_s: float = -math.inf
    next_time_limit_s: float = -math.inf
    next_poll_s: float = -math.inf
    next_energy_s: float = -math.inf
    """Minus infinity until the counters of this plug-in were asked for."""


def target(wanted: Wanted, board: OpenEvseState, now_s: float) -> Target:
    """Decide what the board should be now."""
    if wanted.faulty:
        return Target.ASLEEP
    offers = (wanted.offered_current_a or 0) >= MIN_CURRENT_A and wanted.offered_current_a != wanted.refused_current_a
    if offers and now_s < wanted.permitted_until_s:
        return Target.ENABLED
    if now_s < wanted.undecided_until_s:
        return Target.AS_IT_IS
    if offers and now_s < wanted.waits_for_ev_until_s and board.ev_connected:
        return Target.AS_IT_IS
    return Target.ASLEEP


def next_command(wanted: Wanted, known: Known, board: OpenEvseState, now_s: float) -> Command | None:
    """Choose the command to send now, most urgent first; None if nothing is due."""
    if wanted.opening:
        return _while_opening(known, board, now_s)
    if known.stale:
        return Command(Verb.GET_STATE)
    aim = target(wanted, board, now_s)
    if aim is Target.ASLEEP and board.evse in _CAN_SLEEP and _may_order(known, Verb.SLEEP, now_s):
        return Command(Verb.SLEEP)
    if aim is Target.ENABLED:
        command = _current(wanted, known, now_s)
        if command is not None:
            return command
        if board.ev_connected and known.next_energy_s == -math.inf:
            return Command(Verb.GET_ENERGY)  # while it tests itself to close, the board answers nothing
        if board.pilot is None and board.evse is EvseState.DISABLED and _may_order(known, Verb.SLEEP, now_s):
            return Command(Verb.SLEEP)  # enabled before it has looked at its pilot, it tells of no car
        if board.pilot is not None and not board.enabled and _may_order(known, Verb.ENABLE, now_s):
            return Command(Verb.ENABLE)
    return _regular(known, board, aim, now_s)


def _may_order(known: Known, verb: Verb, now_s: float) -> bool:
    """Only the same order waits before it is repeated; a contrary one goes out at once."""
    return known.last_order is not verb or now_s >= known.next_change_s


def next_due_s(wanted: Wanted, known: Known, now_s: float) -> float:
    """When to look again if nothing happens before."""
    times = [known.next_poll_s, known.next_heartbeat_s, known.next_energy_s, known.next_change_s]
    times += [wanted.undecided_until_s, wanted.waits_for_ev_until_s, wanted.open_by_s, known.next_open_s]
    times += [known.open_since_s + HOLD_F_S] if known.open_since_s is not None else []
    return min(time_s for time_s in (*times, now_s + _LONGEST_WAIT_S) if time_s > now_s)


def _while_opening(known: Known, board: OpenEvseState, now_s: float) -> Command | None:
    if known.open_since_s is None and now_s >= known.next_open_s:
        return Command(Verb.DISABLE)
    if known.stale or now_s >= known.next_poll_s:
        return Command(Verb.GET_STATE)
    return _regular(known, board, Target.AS_IT_IS, now_s)


def _current(wanted: Wanted, known: Known, now_s: float) -> Command | None:
    wanted_a = wanted.offered_current_a or 0
    if known.asked_current_a == wanted_a:
        return None
    if known.current_a is None or wanted_a > known.current_a:
        # Trap 6: while tripped the board still raises; trap 4: it must be acknowledged first.
        if now_s - known.trigger_read_s >= _TRIGGER_FRESH_S:
            return Command(Verb.GET_HEARTBEAT)
        if known.trigger == HeartbeatTrigger.MISSED:
            return Command(Verb.SET_HEARTBEAT, (HEARTBEAT_ACKNOWLEDGE,))
    return Command(Verb.SET_CURRENT, (str(wanted_a), VOLATILE))


def _regular(known: Known, board: OpenEvseState, aim: Target, now_s: float) -> Command | None:
    if now_s >= known.next_heartbeat_s:
        # An acknowledgement restores the full current: never while it is open what the board may offer.
        missed = known.trigger == HeartbeatTrigger.MISSED and aim is Target.ASLEEP
        return Command(Verb.SET_HEARTBEAT, (HEARTBEAT_ACKNOWLEDGE,) if missed else ())
    if aim is Target.ENABLED and board.evse in _RUNNING and now_s >= known.next_time_limit_s:
        return Command(Verb.SET_TIME_LIMIT, (str(_time_limit_steps(known, board)),))
    if now_s >= known.next_poll_s:
        return Command(Verb.GET_STATE)
    if board.ev_connected and now_s >= known.next_energy_s:
        return Command(Verb.GET_ENERGY)
    return None


def _time_limit_steps(known: Known, board: OpenEvseState) -> int:
    """Return the limit that leaves at least the lease: the board counts it from the beginning of the plug-in.

    It is one byte on the board: after 63 h of charging it is switched off (0) rather than end the session.
    """
    steps = board.elapsed_s // TIME_LIMIT_STEP_S + 1 + known.time_limit_steps
    return steps if steps <= _MAX_TIME_LIMIT_STEPS else 0
