"""ReserveNow and CancelReservation. Source: OCPP 1.6 sections 3.11, 5.1 and 5.13."""

import logging

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.v16.wire_values import STATION, read_id_tag, read_timestamp
from agent.domain.reservation import Reservation, ReserveOutcome
from agent.station.commands import StationCommands

logger = logging.getLogger(__name__)


class ReservationHandlers:
    """What a back-end may do with reservations."""

    def __init__(self, commands: StationCommands) -> None:
        self._commands = commands

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {"ReserveNow": self._reserve, "CancelReservation": self._cancel}

    async def _reserve(self, payload: Payload) -> Reply:
        connector_id = payload["connectorId"]
        if connector_id != STATION and connector_id not in self._commands.evse_ids:
            logger.info("reservation refused reason=there is no connector %d", connector_id)
            return _status(ReserveOutcome.REJECTED)
        try:
            expires_at = read_timestamp(payload["expiryDate"])
        except ValueError:  # no clock shows this time
            return _status(ReserveOutcome.REJECTED)
        parent = payload.get("parentIdTag")
        reservation = Reservation(
            payload["reservationId"],
            None if connector_id == STATION else connector_id,
            read_id_tag(payload["idTag"]),
            expires_at,
            read_id_tag(parent) if parent else None,
        )
        return _status(await self._commands.reserve(reservation))

    def _cancel(self, payload: Payload) -> Reply:
        ended = self._commands.cancel_reservation(payload["reservationId"])
        return Reply({"status": "Accepted" if ended else "Rejected"})


def _status(outcome: ReserveOutcome) -> Reply:
    return Reply({"status": outcome.value})
