"""TriggerMessage and ExtendedTriggerMessage. Accepted only if the message will really come, after the answer.

Source: OCPP 1.6 section 5.17; security white paper, ExtendedTriggerMessage.req. connectorId 0 is taken for the station
where a status is asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from agent.csms.adapter import Handler, Outgoing, Payload, Reply, Send
from agent.csms.v16 import file_messages, messages, statuses
from agent.csms.v16.transaction_ids import TransactionIds
from agent.csms.v16.wire_values import STATION
from agent.domain.vocabulary import FirmwareStatus, ReadingContext
from agent.station.commands import StationCommands

Trigger = Callable[[int | None], Awaitable[Reply] | Reply]
"""Given a connectorId, or None."""


class TriggerHandlers:
    """Messages that a back-end may ask for."""

    def __init__(
        self,
        commands: StationCommands,
        ids: TransactionIds,
        sender: Send,
        boot: Callable[[], Outgoing],
        station_status: Callable[[], list[Outgoing]],
        sign_certificate: Callable[[], None] | None = None,
    ) -> None:
        """`sign_certificate`: asks for a certificate of this station; None: that is not built."""
        self._commands = commands
        self._ids = ids
        self._sender = sender
        self._boot = boot
        self._station_status = station_status
        self._triggers: dict[str, Trigger] = {
            "BootNotification": lambda _connector_id: self._send([self._boot()]),
            "Heartbeat": lambda _connector_id: self._send([messages.heartbeat()]),
            "StatusNotification": self._status,
            "MeterValues": self._meter_values,
        }
        self._plain = self._triggers | {
            "FirmwareStatusNotification": self._firmware_status,
            "DiagnosticsStatusNotification": self._diagnostics_status,
        }
        self._extended = self._triggers | {
            "FirmwareStatusNotification": self._signed_firmware_status,
            "LogStatusNotification": self._log_status,
        }
        if sign_certificate is not None:
            self._extended["SignChargePointCertificate"] = partial(_sign, sign_certificate)

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {
            "TriggerMessage": partial(_trigger, self._plain),
            "ExtendedTriggerMessage": partial(_trigger, self._extended),
        }

    def _firmware_status(self, _connector_id: int | None) -> Reply:
        status, _request_id = self._present_firmware()
        return self._send([file_messages.present_firmware_status(status)])

    def _signed_firmware_status(self, _connector_id: int | None) -> Reply:
        return self._send([file_messages.signed_firmware_status(*self._present_firmware())])

    def _present_firmware(self) -> tuple[FirmwareStatus, int | None]:
        firmware = self._commands.files.firmware
        return (FirmwareStatus.IDLE, None) if firmware is None else firmware.present

    def _diagnostics_status(self, _connector_id: int | None) -> Reply:
        status, _request_id = self._commands.files.logs.present
        return self._send(file_messages.upload_status(status, None))

    def _log_status(self, _connector_id: int | None) -> Reply:
        return self._send([file_messages.log_status(*self._commands.files.logs.present)])

    def _status(self, connector_id: int | None) -> Reply:
        requests = self._station_status() if connector_id in {None, STATION} else []
        for evse_id in self._meant(connector_id):
            status = self._commands.evse_status(evse_id)
            requests += [] if status is None else statuses.evse_status(status)
        return self._send(requests)

    async def _meter_values(self, connector_id: int | None) -> Reply:
        evse_ids = self._meant(connector_id)
        async with asyncio.TaskGroup() as group:  # one silent meter costs seconds; several must not add up
            reads = [group.create_task(self._commands.read_sample(evse_id)) for evse_id in evse_ids]
        requests: list[Outgoing] = []
        for evse_id, sample in zip(evse_ids, (read.result() for read in reads), strict=True):
            if sample is not None:
                triggered = replace(sample, context=ReadingContext.TRIGGER)
                told = messages.meter_values(evse_id, (triggered,), self._commands.device_model)
                requests += [messages.addressed(each, self._csms_transaction_id(evse_id)) for each in told]
        return self._send(requests)

    def _csms_transaction_id(self, evse_id: int) -> int | None:
        for transaction in self._commands.open_transactions():
            if transaction.evse_id == evse_id:
                return self._ids.at_csms(transaction.transaction_id).csms_transaction_id
        return None

    def _meant(self, connector_id: int | None) -> tuple[int, ...]:
        """Return the EVSEs that are meant: all, one, or none if there is no such EVSE."""
        evse_ids = self._commands.evse_ids
        return evse_ids if connector_id is None else tuple(each for each in evse_ids if each == connector_id)

    def _send(self, requests: list[Outgoing]) -> Reply:
        if not requests:
            return Reply({"status": "Rejected"})

        async def send_all() -> None:
            for request in requests:
                await self._sender(request)

        return Reply({"status": "Accepted"}, send_all)


def _sign(begin: Callable[[], None], _connector_id: int | None) -> Reply:
    async def follow_up() -> None:
        begin()

    return Reply({"status": "Accepted"}, follow_up)


def _trigger(triggers: Mapping[str, Trigger], payload: Payload) -> Awaitable[Reply] | Reply:
    trigger = triggers.get(payload["requestedMessage"])
    if trigger is None:
        return Reply({"status": "NotImplemented"})
    return trigger(payload.get("connectorId"))
