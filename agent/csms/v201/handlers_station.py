"""Reset, ChangeAvailability, UnlockConnector, ClearCache and DataTransfer.

Source: OCPP 2.0.1 part 2, B11, B12, C11, F05, G03, G04, P01.
"""

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.v201.wire_values import CONNECTOR_ID, answer
from agent.station.commands import ResetKind, StationCommands, UnlockOutcome

_RESET_KINDS = {"Immediate": ResetKind.IMMEDIATE, "OnIdle": ResetKind.ON_IDLE}


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
        if "evseId" in payload:
            # B11, B12: no EVSE here can be reset alone, which is why EVSE.AllowReset does not exist.
            return Reply(answer("Rejected", "UnsupportedParam", "an EVSE cannot be reset alone"))
        outcome = await self._commands.reset(_RESET_KINDS[payload["type"]])
        return Reply(answer(outcome.value))  # B12.FR.01: Scheduled while a transaction goes on

    async def _change_availability(self, payload: Payload) -> Reply:
        evse = payload.get("evse")
        evse_id = None if evse is None else evse["id"]
        if evse_id is not None and evse_id not in self._commands.evse_ids:
            return Reply(answer("Rejected", "UnknownEvse"))
        if evse is not None and evse.get("connectorId", CONNECTOR_ID) != CONNECTOR_ID:
            return Reply(answer("Rejected", "UnknownConnectorId"))
        operative = payload["operationalStatus"] == "Operative"
        outcome = await self._commands.change_availability(evse_id, operative=operative)
        return Reply(answer(outcome.value))

    async def _unlock_connector(self, payload: Payload) -> Reply:
        if payload["evseId"] not in self._commands.evse_ids or payload["connectorId"] != CONNECTOR_ID:
            return Reply(answer(UnlockOutcome.UNKNOWN_CONNECTOR.value))  # F05.FR.03
        outcome = await self._commands.unlock(payload["evseId"])
        if outcome is UnlockOutcome.NOT_SUPPORTED:
            return Reply(answer(UnlockOutcome.UNLOCK_FAILED.value, "FixedCable", "this EVSE has no lock"))
        return Reply(answer(outcome.value))  # F05.FR.02: OngoingAuthorizedTransaction leaves it locked

    async def _clear_cache(self, _payload: Payload) -> Reply:
        cleared = await self._commands.clear_authorization_cache()  # C11.FR.02 to .04
        return Reply(answer("Accepted") if cleared else answer("Rejected", "NotEnabled"))

    def _data_transfer(self, _payload: Payload) -> Reply:
        return Reply(answer("UnknownVendorId"))  # no vendor's extension is built
