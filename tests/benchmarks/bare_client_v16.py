"""The baseline for OCPP 1.6: what the `ocpp` package's own example shows, and handlers for what is measured."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import websockets
from ocpp.routing import after, on  # type: ignore[import-untyped]  # ships no types
from ocpp.v16 import ChargePoint, call, call_result  # type: ignore[import-untyped]  # ships no types
from ocpp.v16.enums import Action, RegistrationStatus  # type: ignore[import-untyped]  # ships no types
from websockets.typing import Subprotocol


class BareStation(ChargePoint):  # type: ignore[misc]  # as above
    """Boots and answers."""

    async def begin(self, messages: int) -> None:
        request = call.BootNotification(charge_point_model="Bare", charge_point_vendor="Bare")
        answer = await self.call(request)
        assert answer.status == RegistrationStatus.accepted
        for number in range(messages):
            await self.call(_meter_values(number))

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]  # as above
    def on_get_configuration(self, key: list[str], **_: Any) -> call_result.GetConfiguration:
        return call_result.GetConfiguration(
            configuration_key=[{"key": name, "readonly": False, "value": "3600"} for name in key]
        )

    @on(Action.remote_start_transaction)  # type: ignore[untyped-decorator]  # as above
    def on_remote_start(self, **_: Any) -> call_result.RemoteStartTransaction:
        return call_result.RemoteStartTransaction(status="Accepted")

    @after(Action.remote_start_transaction)  # type: ignore[untyped-decorator]  # as above
    async def after_remote_start(self, id_tag: str, **_: Any) -> None:
        await self.call(call.StartTransaction(connector_id=1, id_tag=id_tag, meter_start=0, timestamp=_now()))


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _meter_values(number: int) -> call.MeterValues:
    sampled = [
        {
            "value": str(number),
            "context": "Sample.Periodic",
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
        },
        {"value": "11040", "context": "Sample.Periodic", "measurand": "Power.Active.Import", "unit": "W"},
    ]
    values = [{"timestamp": _now(), "sampledValue": sampled}]
    return call.MeterValues(connector_id=1, transaction_id=1, meter_value=values)


async def main() -> None:
    async with websockets.connect(sys.argv[1], subprotocols=[Subprotocol("ocpp1.6")]) as socket:
        station = BareStation("BARE-0001", socket)
        await asyncio.gather(station.start(), station.begin(int(sys.argv[2])))


if __name__ == "__main__":
    asyncio.run(main())
