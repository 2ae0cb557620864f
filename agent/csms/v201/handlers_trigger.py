"""TriggerMessage. Accepted only if the message will really come; it comes after the answer. Source: F06, F06.FR.04."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from agent.csms.adapter import Handler, Outgoing, Payload, Reply, Send
from agent.csms.v201 import messages
from agent.csms.v201.follow_ups import sending
from agent.csms.v201.wire_values import CONNECTOR_ID, answer
from agent.domain.vocabulary import ReadingContext
from agent.station.commands import StationCommands


class TriggerHandlers:
    """Messages that a back-end may ask for; `triggered_boot` is None once it has accepted the station."""

    def __init__(
        self,
        commands: StationCommands,
        sender: Send,
        triggered_boot: Callable[[], Outgoing | None],
    ) -> None:
        self._commands = commands
        self._sender = sender
        self._triggered_boot = triggered_boot
        self._triggers: dict[str, Callable[[Payload | None], Awaitable[Reply] | Reply]] = {
            "BootNotification": self._boot,
            "Heartbeat": self._heartbeat,
            "StatusNotification": self._status,
            "MeterValues": self._meter_values,
            "TransactionEvent": self._transaction_event,
        }

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {"TriggerMessage": self._trigger}

    def _trigger(self, payload: Payload) -> Awaitable[Reply] | Reply:
        trigger = self._triggers.get(payload["requestedMessage"])
        if trigger is None:  # F06.FR.08
            return Reply(answer("NotImplemented", "UnsupportedRequest"))
        return trigger(payload.get("evse"))

    def _boot(self, _evse: Payload | None) -> Reply:
        boot = self._triggered_boot()
        if boot is None:  # F06.FR.17
            return Reply(answer("Rejected", "Unspecified", "this station is accepted already"))
        return self._send([boot])

    def _heartbeat(self, _evse: Payload | None) -> Reply:
        return self._send([messages.heartbeat()])

    def _status(self, evse: Payload | None) -> Reply:
        if evse is None or "connectorId" not in evse:  # F06.FR.12
            return Reply(answer("Rejected", "MissingParam", "evse and connectorId are needed"))
        status = self._commands.evse_status(evse["id"]) if evse["connectorId"] == CONNECTOR_ID else None
        if status is None:
            return Reply(answer("Rejected", "UnknownConnectorId", "no such connector, or its state is not known yet"))
        return self._send(messages.status_notifications(status))

    async def _meter_values(self, evse: Payload | None) -> Reply:
        evse_ids = self._evse_ids(evse)
        async with asyncio.TaskGroup() as group:  # one silent meter costs seconds; several must not add up
            reads = [group.create_task(self._commands.read_sample(evse_id)) for evse_id in evse_ids]
        requests: list[Outgoing] = []
        for evse_id, sample in zip(evse_ids, (read.result() for read in reads), strict=True):
            if sample is not None:
                triggered = replace(sample, context=ReadingContext.TRIGGER)
                requests += messages.meter_values(evse_id, triggered, self._commands.device_model)  # F06.FR.06
        return self._send(requests)

    def _transaction_event(self, evse: Payload | None) -> Reply:
        evse_ids = self._evse_ids(evse)
        busy = [t.evse_id for t in self._commands.open_transactions() if t.evse_id in evse_ids]
        if not busy:
            return Reply(answer("Rejected", "TxNotFound"))

        async def report() -> None:  # F06.FR.07: by way of the journal, as every other event of a transaction
            for evse_id in busy:
                await self._commands.trigger_transaction_sample(evse_id)

        return Reply(answer("Accepted"), report)

    def _evse_ids(self, evse: Payload | None) -> tuple[int, ...]:
        """Return the EVSEs that are meant: all, one, or none if there is no such EVSE."""
        evse_ids = self._commands.evse_ids
        return evse_ids if evse is None else tuple(each for each in evse_ids if each == evse["id"])

    def _send(self, requests: list[Outgoing]) -> Reply:
        if not requests:
            return Reply(answer("Rejected", "NotFound", "there is nothing to tell"))
        return Reply(answer("Accepted"), sending(self._sender, requests))
