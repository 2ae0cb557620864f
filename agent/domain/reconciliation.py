"""Whether an open transaction goes on after this software or the board was away.

Rule (DESIGN section 7): the agent died and the board lived: it goes on if the board proves the same plug-in. The board
was dark too: it ends with PowerLoss, since nobody knows that it is the same car; going on is a configuration. A stop
that had begun is finished, and does not turn into going on.
"""

from decimal import Decimal
from typing import Final

from agent.domain.events import BoardAnswered
from agent.domain.transaction import Cause, Sighting, TransactionState
from agent.domain.vocabulary import StoppedReason, TriggerReason
from hal.value import dataclass

MAX_ABSENCE_S: Final = 15.0
"""Nobody pulls a cable and plugs another car in within this time; for boards that count no plug-ins. The state of an
open transaction is stored every 5 s, so a restart within 10 s is covered (bench scenario LI-02)."""
MAX_RESET_S: Final = 5.0
"""A board that is back within this time has reset (watchdog), it was not dark; the car cannot have been exchanged."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the open transaction."""

    continues: bool
    cause: Cause | None = None
    billable_until_wh: Decimal | None = None
    """Energy beyond this register is not this transaction's; None: the register read now counts."""
    same_plug_in: bool = False
    """It ends, and the car that it was for is still connected."""


_CONTINUES: Final = Verdict(continues=True)


def _power_loss(state: TransactionState, event: BoardAnswered) -> Verdict:
    cause = Cause(TriggerReason.ABNORMAL_CONDITION, StoppedReason.POWER_LOSS)
    # A board that starts up enabled gives power before it is asked: what it counted since is not this transaction's.
    dirty = event.plug_in is None or event.plug_in.session_energy_wh > 0
    return Verdict(continues=False, cause=cause, billable_until_wh=state.last_register_wh if dirty else None)


def _unplugged(state: TransactionState) -> Verdict:
    cause = Cause(TriggerReason.EV_COMMUNICATION_LOST, StoppedReason.EV_DISCONNECTED, register_confirmed=False)
    return Verdict(continues=False, cause=cause, billable_until_wh=state.last_register_wh)


def _proves_same_plug_in(state: TransactionState, event: BoardAnswered) -> bool:
    if state.plug_in is None or event.plug_in is None:
        return False
    return event.plugged and event.plug_in.continues(state.plug_in)


def _was_seen_just_now(state: TransactionState, event: BoardAnswered, now: Sighting) -> bool:
    """Tell whether a board without counters still has the car that was there a moment ago."""
    if state.plug_in is not None or event.plug_in is not None or state.seen is None or not event.plugged:
        return False
    absence_s = now.seconds_since(state.seen)
    return absence_s is not None and absence_s <= MAX_ABSENCE_S


def judge_restart(state: TransactionState, event: BoardAnswered, now: Sighting, *, resume: bool) -> Verdict:
    """Judge a transaction that this process found in the store."""
    if event.restarted and not (resume and event.plugged):
        return _power_loss(state, event)
    proven = event.restarted or _proves_same_plug_in(state, event) or _was_seen_just_now(state, event, now)
    if not proven:
        return _unplugged(state)
    return _CONTINUES if state.ending is None else Verdict(continues=False, cause=state.ending, same_plug_in=True)


def judge_return(state: TransactionState, event: BoardAnswered, *, resume: bool) -> Verdict:
    """Judge a transaction of this process after the board was silent or reset."""
    if event.restarted:
        stays = event.plugged and (resume or event.dark_s <= MAX_RESET_S)
        return _CONTINUES if stays else _power_loss(state, event)
    if not event.plugged or state.plug_in is None or event.plug_in is None:
        return _CONTINUES  # an unplugged car is told by the pilot; without counters the pilot alone speaks
    return _CONTINUES if _proves_same_plug_in(state, event) else _unplugged(state)
