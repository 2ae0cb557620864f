"""What others see of an EVSE: its status, told whenever it changes, and every new fault by itself."""

import logging
from collections.abc import Callable

from agent.clock import Instant
from agent.domain.charging_session import ChargingSession
from agent.domain.error_catalogue import gravest
from agent.domain.session_state import EvseStatus, SessionState
from hal.api import Fault

logger = logging.getLogger(__name__)


class Publisher:
    """Compares the session with what was told of it."""

    def __init__(self, session: ChargingSession, tell: Callable[[EvseStatus], None]) -> None:
        self._session = session
        self._tell = tell
        self._seen: tuple[object, ...] | None = None
        self._faults: frozenset[Fault] = frozenset()

    def status(self, now: Instant, fault: Fault | None = None) -> EvseStatus | None:
        """Return the present status with this fault, else the gravest; None while nothing is known of the board yet."""
        session = self._session
        if session.public_state is SessionState.UNKNOWN:
            return None
        fault = fault or gravest(session.faults)
        return EvseStatus(
            evse_id=session.recorder.evse_id,
            connector_status=session.connector_status,
            state=session.public_state,
            charging_state=session.charging_state,
            at=now.utc,
            fault=fault,
            fault_detail=session.faults[fault] if fault else "",
            standing=tuple(session.faults.items()),
            reserved=session.reservations.is_held,
        )

    def publish(self, now: Instant) -> bool:
        """Tell what changed; returns whether anything did."""
        session = self._session
        known = session.public_state is not SessionState.UNKNOWN
        same_faults = session.faults.keys() == self._faults
        seen = (session.connector_status, session.public_state, session.reservations.is_held, known)
        if same_faults and seen == self._seen:
            return False
        self._seen = seen
        if not known:
            return True
        new = [fault for fault in session.faults if fault not in self._faults]
        self._faults = frozenset(session.faults)
        for fault in new or (None,):
            self._publish(self.status(now, fault))
        return True

    def _publish(self, status: EvseStatus | None) -> None:
        if status is not None:
            fault = status.fault.value if status.fault else "none"
            logger.info("status evse=%d state=%s fault=%s", status.evse_id, status.state.value, fault)
            self._tell(status)
