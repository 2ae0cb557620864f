"""Which faults stay although a cause of theirs is gone: latched above the board, by the catalogue's rule for each.

A fault that several sources see stands until the last of them has seen it go.

Source: facts lessons 33 (faults are latched above the pilot layer), bench scenarios RL-01, RC-01, ES-01.
"""

from collections.abc import Iterable

from agent.domain import events as ev
from agent.domain.error_catalogue import CATALOGUE
from agent.domain.fault_entry import Latch
from hal.api import Fault

KEPT = "found before the restart; the board was not switched off and on since"


class FaultLatch:
    """Passes the events of one EVSE on, holding back those that would clear a latched fault too early."""

    def __init__(self, restored: Iterable[Fault] = ()) -> None:
        self._restored = {fault for fault in restored if CATALOGUE[fault].latch is Latch.POWER_CYCLE}
        self._causes: dict[Fault, set[ev.FaultSource]] = {}
        """Faults whose cause stands, and who sees it."""
        self._held: dict[Fault, bool] = {}
        """Latched faults that were raised, and whether the board has restarted since."""
        self._plugged = False

    @property
    def kept_over_restart(self) -> frozenset[Fault]:
        """Faults that a restart of the agent must not clear."""
        held = {fault for fault in self._held if CATALOGUE[fault].latch is Latch.POWER_CYCLE}
        return frozenset(held | self._restored)

    def passed(self, event: ev.Event) -> tuple[ev.Event, ...]:
        """Return what the session is to hear in place of this event, in order."""
        match event:
            case ev.FaultAppeared(fault, source=source):
                self._causes.setdefault(fault, set()).add(source)
                self._restored.discard(fault)
                if CATALOGUE[fault].latch is not Latch.CAUSE:
                    self._held[fault] = False
                return (event,)
            case ev.FaultDisappeared(fault, source):
                return (event,) if self._is_over(fault, source) else ()
            case ev.EvPluggedIn():
                self._plugged = True
                return (event,)
            case ev.EvUnplugged():
                self._plugged = False
                return (event, *self._released())
            case ev.BoardAnswered():
                return self._answered(event)
        return (event,)

    def _is_over(self, fault: Fault, source: ev.FaultSource) -> bool:
        """Take a cause away; True if the fault ends with it."""
        causes = self._causes.get(fault, set())
        causes.discard(source)
        if causes:
            return False
        self._causes.pop(fault, None)
        return fault not in self._held or self._release(fault)

    def _answered(self, event: ev.BoardAnswered) -> tuple[ev.Event, ...]:
        self._plugged = event.plugged
        restored, self._restored = self._restored, set()
        if event.restarted:
            self._held = dict.fromkeys(self._held, True)
            return (event, *self._released())
        self._held |= dict.fromkeys(restored, False)
        kept = (ev.FaultAppeared(fault, KEPT) for fault in sorted(restored, key=lambda fault: fault.value))
        return (*kept, event)

    def _released(self) -> tuple[ev.FaultDisappeared, ...]:
        return tuple(ev.FaultDisappeared(fault) for fault in tuple(self._held) if self._release(fault))

    def _release(self, fault: Fault) -> bool:
        """Let go of a held fault if its rule allows it now."""
        if fault in self._causes:
            return False
        free = not self._plugged if CATALOGUE[fault].latch is Latch.UNPLUG else self._held[fault]
        if free:
            del self._held[fault]
        return free
