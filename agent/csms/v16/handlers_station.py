"""Reset, ChangeAvailability, UnlockConnector, ClearCache and DataTransfer.

Source: OCPP 1.6 sections 5.2, 5.4, 5.6, 5.14 and 5.18.
"""

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.v16.wire_values import STATION
from agent.station.commands import ResetKind, ResetOutcome, StationCommands, UnlockOutcome

_RESET_KINDS = {"Soft": ResetKind.SOFT, "Hard": ResetKind.IMMEDIATE}
_UNLOCK_STATUSES = {
    UnlockOutcome.UNLOCKED: "Unlocked",
    UnlockOutcome.UNLOCK_FAILED: "UnlockFailed",
    UnlockOutcome.ONGOING_TRANSACTION: "UnlockFailed",
    UnlockOutcome.UNKNOWN_CONNECTOR: "NotSupported",
    UnlockOutcome.NOT_SUPPORTED: "NotSupported",
}


class StationHandlers:
    """What a back-end may do with the station as a thing."""

    def __init__(self, commands: StationCommands) -> None:
        self._commands = commands

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {
            "Reset": self._reset,
            "ChangeAvailability": self._change_availability,
            "UnlockConnector": self._unlock_connector,
            "ClearCache": self._clear_cache,
            "DataTransfer": self._data_transfer,
        }

    async def _reset(self, payload: Payload) -> Reply:
        outcome = await self._commands.reset(_RESET_KINDS[payload["type"]])
        return _accepted(yes=outcome is not ResetOutcome.REJECTED)

    async def _change_availability(self, payload: Payload) -> Reply:
        connector_id = payload["connectorId"]
        if connector_id != STATION and connector_id not in self._commands.evse_ids:
            return _accepted(yes=False)
        evse_id = None if connector_id == STATION else connector_id
        outcome = await self._commands.change_availability(evse_id, operative=payload["type"] == "Operative")
        return Reply({"status": outcome.value})

    async def _unlock_connector(self, payload: Payload) -> Reply:
        # OCPP 1.6 section 5.18: a transaction is finished first.
        outcome = await self._commands.unlock(payload["connectorId"], stops_transaction=True)
        return Reply({"status": _UNLOCK_STATUSES[outcome]})

    async def _clear_cache(self, _payload: Payload) -> Reply:
        return _accepted(yes=await self._commands.clear_authorization_cache())

    def _data_transfer(self, _payload: Payload) -> Reply:
        return Reply({"status": "UnknownVendorId"})  # no vendor's extension is built


def _accepted(*, yes: bool) -> Reply:
    return Reply({"status": "Accepted" if yes else "Rejected"})
