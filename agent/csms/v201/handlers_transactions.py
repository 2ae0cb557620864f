"""RequestStartTransaction, RequestStopTransaction and GetTransactionStatus.

Source: OCPP 2.0.1 part 2, F01 to F03 and E14.
"""

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.v201.wire_values import answer, read_id_token
from agent.station.commands import RemoteStart, StationCommands


class TransactionHandlers:
    """What a back-end may do with transactions."""

    def __init__(self, commands: StationCommands) -> None:
        self._commands = commands

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {
            "RequestStartTransaction": self._request_start,
            "RequestStopTransaction": self._request_stop,
            "GetTransactionStatus": self._get_status,
        }

    async def _request_start(self, payload: Payload) -> Reply:
        evse_id = payload.get("evseId")
        if evse_id is not None and evse_id not in self._commands.evse_ids:
            return Reply(answer("Rejected", "UnknownEvse"))
        if "chargingProfile" in payload:
            # F01.FR.12 would let us ignore it, and the car would then take more than the back-end allowed.
            return Reply(answer("Rejected", "UnsupportedParam", "charging profiles are not supported"))
        group = payload.get("groupIdToken")
        outcome = await self._commands.remote_start(
            RemoteStart(
                read_id_token(payload["idToken"]),
                evse_id,
                payload["remoteStartId"],
                None if group is None else read_id_token(group),
            )
        )
        if not outcome.accepted:  # F01.FR.23, F01.FR.24
            return Reply(answer("Rejected", "Unspecified", outcome.reason))
        reply = answer("Accepted")
        if outcome.transaction_id is not None:  # F01.FR.13
            reply["transactionId"] = outcome.transaction_id
        return Reply(reply)

    async def _request_stop(self, payload: Payload) -> Reply:
        if await self._commands.remote_stop(payload["transactionId"]):
            return Reply(answer("Accepted"))  # F03.FR.07
        return Reply(answer("Rejected", "TxNotFound"))  # F03.FR.08

    def _get_status(self, payload: Payload) -> Reply:
        transaction_id = payload.get("transactionId")
        reply: Payload = {"messagesInQueue": self._commands.has_queued_facts(transaction_id)}  # E14.FR.04, .05
        if transaction_id is not None:  # E14.FR.06: not told without a transactionId
            # E14.FR.01 to .03: an unknown transaction is not ongoing.
            open_ids = {transaction.transaction_id for transaction in self._commands.open_transactions()}
            reply["ongoingIndicator"] = transaction_id in open_ids
        return Reply(reply)
