"""RemoteStartTransaction and RemoteStopTransaction. Source: OCPP 1.6 sections 5.11 and 5.12."""

import logging

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.v16.charging_profiles import read_profile
from agent.csms.v16.transaction_ids import GivenNumbers
from agent.csms.v16.wire_values import STATION, read_id_tag
from agent.station.commands import RemoteStart, StationCommands

logger = logging.getLogger(__name__)


class TransactionHandlers:
    """What a back-end may do with transactions."""

    def __init__(self, commands: StationCommands, numbers: GivenNumbers) -> None:
        self._commands = commands
        self._numbers = numbers

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {"RemoteStartTransaction": self._remote_start, "RemoteStopTransaction": self._remote_stop}

    async def _remote_start(self, payload: Payload) -> Reply:
        connector_id = payload.get("connectorId")
        if connector_id is not None and connector_id not in self._commands.evse_ids:
            return _rejected("remote start", f"there is no connector {connector_id}")
        given = payload.get("chargingProfile")
        if given is not None and "transactionId" in given:  # section 5.16.2
            return _rejected("remote start", "the charging profile of a start cannot name a transaction")
        try:
            profile = None if given is None else read_profile(given, connector_id or STATION)
        except (ValueError, OverflowError) as error:
            return _rejected("remote start", str(error))
        request = RemoteStart(read_id_tag(payload["idTag"]), connector_id, charging_profile=profile)
        outcome = await self._commands.remote_start(request)
        return Reply({"status": "Accepted"}) if outcome.accepted else _rejected("remote start", outcome.reason)

    async def _remote_stop(self, payload: Payload) -> Reply:
        transaction_id = await self._numbers.transaction_of(payload["transactionId"])
        if transaction_id is None or not await self._commands.remote_stop(transaction_id):
            return _rejected("remote stop", "no such transaction is open")
        return Reply({"status": "Accepted"})


def _rejected(what: str, reason: str) -> Reply:
    logger.info("%s rejected reason=%s", what, reason)  # 1.6 has no room for a reason in its answer
    return Reply({"status": "Rejected"})
