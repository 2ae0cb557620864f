"""The roles of a simulated bench: each speaks to the bench's control socket and to nothing else (runner)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from hil.control_client import ControlClient
from hil.roles import Json

StimulusTime = Callable[[], float]
"""Gives the time of the latest stimulus; the bench streams it before it answers the operation."""


class SimulatedBench:
    """Car, faults, meter, power and probe of `pilotline-bench serve`."""

    def __init__(self, control: ControlClient, stimulus_time: StimulusTime) -> None:
        self._control = control
        self._stimulus_time = stimulus_time

    async def do(self, operation: str, **fields: Any) -> float:
        """Carry out one operation that changes something; gives when."""
        await self._control.ask(operation, **fields)
        return self._stimulus_time()

    async def state(self, evse: int = 1) -> Json:
        """Everything the bench tells of an EVSE."""
        return await self._control.ask("state", evse=evse)

    def sees(self, event: str) -> bool:
        """All that happens there is streamed."""
        return bool(event)


class SimulatedCar:
    """`Car`."""

    def __init__(self, bench: SimulatedBench) -> None:
        self._bench = bench

    async def plug_in(self, evse: int = 1, **model: Any) -> float:
        """Plug in."""
        return await self._bench.do("plug_in", evse=evse, **model)

    async def plug_out(self, evse: int = 1) -> float:
        """Pull the cable."""
        return await self._bench.do("plug_out", evse=evse)

    async def ev(self, state: Literal["B", "C", "D", "sleep"], evse: int = 1, **fields: Any) -> float:
        """Let the car ask for this state."""
        return await self._bench.do("ev", evse=evse, state=state, **fields)


class SimulatedFaults:
    """`Faults`."""

    def __init__(self, bench: SimulatedBench) -> None:
        self._bench = bench

    async def bring(self, kind: str, evse: int = 1, **fields: Any) -> float:
        """Bring a fault in."""
        return await self._bench.do("fault", evse=evse, kind=kind, **fields)

    async def clear(self, kind: str | None = None, evse: int = 1) -> float:
        """Take it out, or all."""
        return await self._bench.do("clear", evse=evse, **({} if kind is None else {"kind": kind}))


class SimulatedMeter:
    """`Meter`."""

    def __init__(self, bench: SimulatedBench) -> None:
        self._bench = bench

    async def set(self, evse: int = 1, **registers: Any) -> float:
        """Set registers."""
        return await self._bench.do("meter", evse=evse, **registers)

    async def energy_wh(self, evse: int = 1) -> Decimal:
        """Read its import register."""
        return Decimal((await self._bench.state(evse))["meter"]["energy_wh"])


class SimulatedReader:
    """`Reader`."""

    def __init__(self, bench: SimulatedBench) -> None:
        self._bench = bench

    async def swipe(self, token: str, **fields: Any) -> float:
        """Hold a card to it."""
        return await self._bench.do("swipe", token=token, **fields)


class SimulatedPower:
    """`Power`."""

    def __init__(self, bench: SimulatedBench) -> None:
        self._bench = bench

    async def cut(self) -> float:
        """Take the supply of the whole bench away."""
        return await self._bench.do("power_cut")

    async def on(self) -> float:
        """Give it back."""
        return await self._bench.do("power_on")
