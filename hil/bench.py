"""The bench: EVSEs, readers and supply, operated by methods; the same in real and in virtual time.

Every operation returns the JSON object that the control socket answers. What the bench sees goes to `subscribers` as
events with monotonic time.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

from hil.boards import AnyBoardModel, kind_of, watches_proximity
from hil.device_line import DeviceLine
from hil.devices.vehicle import VehicleModel
from hil.evse_bench import EvseBench, MeterModel, serial_number
from hil.faults import OF_THE_CAR, bring_in, kinds_at, take_out
from hil.readers import reader_simulator
from hil.world import Emit, PilotLoad

Result = dict[str, Any]

EV_STATES = ("B", "C", "D", "sleep")


class BenchError(ValueError):
    """An operation that cannot be done; one sentence for whoever asked."""


class Bench:
    """Simulated hardware of one station; must be made on a running event loop."""

    def __init__(
        self,
        evses: int = 1,
        board: AnyBoardModel | None = None,
        meter_model: MeterModel | None = None,
        *,
        reader: str = "line",
        io: bool = False,
    ) -> None:
        """Raises: ValueError for a kind of reader that there is not."""
        self._loop = asyncio.get_running_loop()
        self.subscribers: list[Callable[[Result], None]] = []
        self.cable_changed: Callable[[int], None] = lambda _evse: None
        """Called with the EVSE whose board cable was pulled or put back."""
        meter = meter_model or MeterModel()
        self.evses = {
            number: EvseBench(
                self._emitter(number), board, replace(meter, serial_number=serial_number(number)), has_card=io
            )
            for number in range(1, evses + 1)
        }
        self.reader = reader_simulator(reader)
        self.reader_line = DeviceLine(self.reader)
        self.supplied = False

    # -------------------------------------------------------------- operations

    def plug_in(self, evse: int, cable_ohm: float | None = None, **model: Any) -> Result:
        """Plug a car in; the fields are those of `VehicleModel`, `cable_ohm` is the resistor in its plug."""
        bench = self._evse(evse)
        if cable_ohm is not None and not watches_proximity(bench.board_model):
            raise BenchError("cable_ohm: this EVSE has no socket whose proximity contact is watched")
        self._leave(bench)
        if bench.reset_on_plug_in:
            bench.register_wh = Decimal(0)
        bench.vehicle.plug_in(VehicleModel(proximity_ohm=cable_ohm, **model))
        self._emit(evse, "vehicle", {"plugged": True})
        return {}

    def plug_out(self, evse: int) -> Result:
        """Pull the cable."""
        bench = self._evse(evse)
        bench.vehicle.plug_out()
        self._leave(bench)
        self._emit(evse, "vehicle", {"plugged": False})
        return {}

    def ev(self, evse: int, state: str, current_a: float | None = None, phases: int | None = None) -> Result:
        """Let the car ask for B, C or D from now on, or fall asleep."""
        vehicle = self._evse(evse).vehicle
        if not vehicle.plugged:
            raise BenchError(f"no car is plugged in at EVSE {evse}")
        if state == "sleep":
            vehicle.sleep()
        elif state in {"B", "C", "D"}:
            vehicle.demand(PilotLoad[state], current_a, phases)
        else:
            raise BenchError(f"ev state must be B, C, D or sleep, not {state!r}")
        return {}

    def swipe(
        self, token: str, card_type: str = "ISO14443", reader: int = 1, evses: Sequence[int] | None = None
    ) -> Result:
        """Hold a card to the reader, which serves all EVSEs."""
        if reader != 1:
            raise BenchError(f"there is no reader {reader}; the bench has reader 1")
        for evse in evses or ():
            self._evse(evse)
        if card_type not in self.reader.card_types:
            known = " or ".join(sorted(self.reader.card_types))
            raise BenchError(f"token type must be {known}, not {card_type!r}")
        try:
            shown = self.reader.present(token)
        except ValueError:
            raise BenchError(f"token must be {self.reader.uid_rule}") from None
        self._emit(None, "swipe", {"reader": reader, "bytes": len(shown)})
        return {}

    def fault(self, evse: int, kind: str, value: float | None = None, for_s: float | None = None) -> Result:
        """Bring a fault in, with a value if its kind has one, for so many seconds or until it is cleared."""
        bench = self._evse(evse)
        self._switch(evse, lambda: bring_in(bench, kind, value))
        bench.fault_ends.cancel(kind)
        if for_s is not None:
            bench.fault_ends.after(kind, for_s, lambda: self._end(evse, kind))
        return {}

    def clear(self, evse: int, kind: str | None = None) -> Result:
        """Take a fault out, or every fault."""
        bench = self._evse(evse)
        for each in kinds_at(bench) if kind is None else (kind,):
            self._switch(evse, partial(take_out, bench, each))
            bench.fault_ends.cancel(each)
        return {}

    def meter(
        self,
        evse: int,
        energy_wh: float | None = None,
        voltage_v: float | None = None,
        frequency_hz: float | None = None,
        reset_on_plug_in: bool | None = None,  # noqa: FBT001 - named on the wire
    ) -> Result:
        """Set registers of the meter."""
        bench = self._evse(evse)
        if energy_wh is not None:
            bench.register_wh = Decimal(str(energy_wh))
        if voltage_v is not None:
            bench.world.change(voltage_v=voltage_v)
        if frequency_hz is not None:
            bench.frequency_hz = frequency_hz
        if reset_on_plug_in is not None:
            bench.reset_on_plug_in = reset_on_plug_in
        return {"energy_wh": str(bench.register_wh)}

    def state(self, evse: int | None = None) -> Result:
        """Show one EVSE, or all."""
        if evse is not None:
            return {"evse": evse, **self._evse(evse).describe()}
        return {"evses": {str(number): bench.describe() for number, bench in self.evses.items()}}

    def power_on(self) -> Result:
        """Give the whole bench its supply."""
        if not self.supplied:
            self.reader.restart()
        self.supplied = self.reader_line.powered = True
        for bench in self.evses.values():
            bench.supply(on=True)
        self._emit(None, "supply", {"on": True})
        return {}

    def power_cut(self) -> Result:
        """Take the supply of the whole bench away; cars stay plugged in."""
        self.supplied = self.reader_line.powered = False
        for bench in self.evses.values():
            bench.supply(on=False)
        self._emit(None, "supply", {"on": False})
        return {}

    def ping(self) -> Result:
        """Answer with the bench's time."""
        return {"t": round(self._loop.time(), 6)}

    def announce(self, operation: str, fields: Result) -> None:
        """Let the event stream show that the hardware is about to be changed: time zero of whatever follows."""
        self._emit(None, "stimulus", {"op": operation, **fields})

    # -------------------------------------------------------------- what outlives the process

    def to_json(self) -> Result:
        """Render registers, what boards keep, and cars, to be put back by `restore`."""
        return {str(number): _saved(bench) for number, bench in self.evses.items()}

    def restore(self, saved: Result) -> None:
        """Put registers, what boards keep, and cars back, before the supply comes on."""
        for number, bench in self.evses.items():
            if (entry := saved.get(str(number))) is not None:
                bench.register_wh = Decimal(entry["register_wh"])
                bench.reset_on_plug_in = entry["reset_on_plug_in"]
                if entry["board_kind"] == kind_of(bench.board_model):
                    bench.board.restore(entry["board"])
                bench.vehicle.restore(entry["vehicle"])
                if bench.card is not None and entry.get("io") is not None:
                    bench.card.restore(entry["io"])
                for kind in kinds_at(bench):
                    if kind in entry["faults"]:
                        bring_in(bench, kind, entry["faults"][kind])
                if bench.meter.signing is not None and entry.get("signing") is not None:
                    bench.meter.signing.restore(entry["signing"])

    # --------------------------------------------------------------

    def _switch(self, evse: int, act: Callable[[], None]) -> None:
        bench = self._evse(evse)
        pulled = bench.cable_pulled
        try:
            act()
        except ValueError as error:
            raise BenchError(str(error)) from None
        if bench.cable_pulled != pulled:
            self.cable_changed(evse)

    def _end(self, evse: int, kind: str) -> None:
        """A fault is over by itself; the stream says so, since nobody asked for it just now."""
        self.announce("clear", {"evse": evse, "kind": kind})
        self._switch(evse, partial(take_out, self._evse(evse), kind))

    def _leave(self, bench: EvseBench) -> None:
        for kind in OF_THE_CAR & bench.standing.keys():
            del bench.standing[kind]
            bench.fault_ends.cancel(kind)

    def _evse(self, number: int) -> EvseBench:
        if number not in self.evses:
            raise BenchError(f"there is no EVSE {number}; the bench has 1 to {len(self.evses)}")
        return self.evses[number]

    def _emitter(self, number: int) -> Emit:
        return lambda event, fields: self._emit(number, event, fields)

    def _emit(self, evse: int | None, event: str, fields: Result) -> None:
        if not self.subscribers:
            return
        where = {} if evse is None else {"evse": evse}
        message = {"event": event, **where, **fields, "t": round(self._loop.time(), 6)}
        for subscriber in tuple(self.subscribers):
            subscriber(message)


def _saved(bench: EvseBench) -> Result:
    return {
        "register_wh": str(bench.register_wh),
        "reset_on_plug_in": bench.reset_on_plug_in,
        "board_kind": kind_of(bench.board_model),
        "board": bench.board.save(),
        "vehicle": bench.vehicle.to_json(),
        "faults": {kind: value for kind, value in bench.standing.items() if kind not in bench.fault_ends},
        "io": bench.card.save() if bench.card is not None else None,
        "signing": bench.meter.signing.to_json() if bench.meter.signing is not None else None,
    }
