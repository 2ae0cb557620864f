"""What of one EVSE is journalled beside facts, and when: its open transaction, its register, its memory."""

import logging
from typing import Final

from agent.clock import Instant
from agent.domain.charging_session import ChargingSession
from agent.domain.contactor_care import ContactorCycles
from agent.domain.facts import Fact, TransactionEnded
from agent.domain.session_state import SessionState
from agent.domain.transaction import TransactionState
from agent.station.guard import Guard
from agent.station.surroundings import FactStore
from hal.api import Fault

logger = logging.getLogger(__name__)

STATE_SAVE_INTERVAL_S: Final = 5.0
"""How often at least the register of an open transaction is journalled (lesson 8)."""


class SessionStore:
    """Remembers what the journal was last given, so that it is given only what is new."""

    def __init__(self, session: ChargingSession, guard: Guard, facts: FactStore) -> None:
        self._session = session
        self._guard = guard
        self._facts = facts
        self._evse_id = session.recorder.evse_id
        self._saved_at_s = 0.0
        self._promptly: tuple[object, ...] = _of_note(None)
        """What was last stored of that which must survive from the moment it holds."""
        self._noted_wh: object = None
        self._proven: str | None = None
        """The transaction whose first proof of plug-in is stored."""
        self._cycles: ContactorCycles = guard.care.cycles

    def take(self, facts: list[Fact], now: Instant) -> None:
        """Journal facts and the open transaction: after a kill the board may still offer this, a stop still holds."""
        session, reports = self._session, self._guard.reports
        state = session.recorder.state
        told, faults = reports.told, session.faults
        if session.state is SessionState.UNKNOWN:  # what stood before the restart has not been looked at yet
            faults = {**dict.fromkeys(told, ""), **faults}
        if faults.keys() != told and session.public_state is not SessionState.UNKNOWN:
            transaction_id = None if state is None else state.transaction_id
            facts += reports.changes(faults, now.utc, transaction_id)
        if facts or (state is not None and _of_note(state) != self._promptly):
            self._keep(tuple(facts), now)
        if reports.told is not told:
            self._remember()

    def prove(self, now: Instant) -> None:
        """Keep the first proof of a transaction's plug-in at once: without it a restart could not go on with it."""
        state = self._session.recorder.state
        if state is not None and state.transaction_id != self._proven:
            self._proven = state.transaction_id
            self._keep((), now)

    def save(self, now: Instant) -> None:
        """Keep now and then what changes all the time."""
        if self._session.recorder.state is None:
            accounted_wh = self._session.accounted_register_wh
            if accounted_wh is not None and accounted_wh != self._noted_wh:
                self._noted_wh = accounted_wh
                self._facts.note_register(self._evse_id, accounted_wh)
        elif now.monotonic_s - self._saved_at_s >= STATE_SAVE_INTERVAL_S:
            self._keep((), now)
        if self._guard.care.cycles != self._cycles:
            self._remember()

    def _keep(self, facts: tuple[Fact, ...], now: Instant) -> None:
        session = self._session
        if session.plugged and session.state is not SessionState.UNKNOWN and Fault.BOARD_SILENT not in session.faults:
            session.recorder.seen(session.rules.boot_id, now.monotonic_s)
        state = session.recorder.state
        self._facts.record(self._evse_id, facts, state)
        self._saved_at_s = now.monotonic_s
        self._promptly = _of_note(state)
        if any(isinstance(fact, TransactionEnded) for fact in facts):
            cycles = self._guard.care.cycles
            logger.info(
                "contactor evse=%d closings=%d openings_under_load=%d",
                self._evse_id,
                cycles.closings,
                cycles.openings_under_load,
            )

    def _remember(self) -> None:
        self._cycles = self._guard.care.cycles
        self._facts.remember(self._evse_id, self._guard.memory)


def _of_note(state: TransactionState | None) -> tuple[object, ...]:
    return (0.0, None, None) if state is None else (state.offered_current_a, state.ending, state.allowed_until_wh)
