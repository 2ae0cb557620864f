"""The baseline for OCPP 2.0.1: what the `ocpp` package's own example shows, and handlers for what is measured."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import after, on  # type: ignore[import-untyped]  # ships no types
from ocpp.v201 import ChargePoint, call, call_result  # type: ignore[import-untyped]  # ships no types
from ocpp.v201.enums import Action, RegistrationStatusEnumType  # type: ignore[import-untyped]  # ships no types
from websockets.typing import Subprotocol


class BareStation(ChargePoint):  # type: ignore[misc]  # as above
    """Boots and answers."""

    async def begin(self, messages: int) -> None:
        request = call.BootNotification(charging_station={"model": "Bare", "vendor_name": "Bare"}, reason="PowerUp")
        answer = await self.call(request)
        assert answer.status == RegistrationStatusEnumType.accepted
        for number in range(messages):
            await self.call(_transaction_event("Updated", number))

    @on(Action.get_variables)  # type: ignore[untyped-decorator]  # as above
    def on_get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> call_result.GetVariables:
        return call_result.GetVariables(
            get_variable_result=[
                {
                    "attribute_status": "Accepted",
                    "attribute_value": "3600",
                    "component": wanted["component"],
                    "variable": wanted["variable"],
                }
                for wanted in get_variable_data
            ]
        )

    @on(Action.request_start_transaction)  # type: ignore[untyped-decorator]  # as above
    def on_remote_start(self, **_: Any) -> call_result.RequestStartTransaction:
        return call_result.RequestStartTransaction(status="Accepted")

    @after(Action.request_start_transaction)  # type: ignore[untyped-decorator]  # as above
    async def after_remote_start(self, **_: Any) -> None:
        await self.call(_transaction_event("Started", 0))


def _transaction_event(kind: str, number: int) -> call.TransactionEvent:
    now = datetime.now(UTC).isoformat()
    sampled = [
        {"value": float(number), "context": "Sample.Periodic", "measurand": "Energy.Active.Import.Register"},
        {"value": 11040.0, "context": "Sample.Periodic", "measurand": "Power.Active.Import"},
    ]
    return call.TransactionEvent(
        event_type=kind,
        timestamp=now,
        trigger_reason="MeterValuePeriodic",
        seq_no=number,
        transaction_info={"transaction_id": "tx-1", "charging_state": "Charging"},
        evse={"id": 1, "connector_id": 1},
        meter_value=[{"timestamp": now, "sampled_value": sampled}],
    )


async def main() -> None:
    async with websockets.connect(sys.argv[1], subprotocols=[Subprotocol("ocpp2.0.1")]) as socket:
        station = BareStation("BARE-0001", socket)
        await asyncio.gather(station.start(), station.begin(int(sys.argv[2])))


if __name__ == "__main__":
    asyncio.run(main())
