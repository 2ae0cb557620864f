"""Watches the bench's side of the wire for what must never happen (rule over bench events and the passing of time).

What a board does while the station cannot reach it is its own affair where it is declared: it goes on as it was left,
and after its own restart it is enabled until it is told otherwise (`unauthorised_after_host_loss`). Everything else
has a limit in seconds, and a condition that stands longer is a violation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from agent.domain.error_catalogue import CATALOGUE
from hal.api import Fault
from hil.devices.openevse_board import OpenEvseBoard
from hil.devices.openevse_board_values import State
from hil.devices.vehicle import offered_current_a
from hil.evse_bench import EvseBench
from hil.world import Wiring
from tests.fakes.virtual_station import VirtualStation
from tests.properties.authority import Evidence
from tests.properties.operations import LINE_FAULTS

OPENING_S: Final = 0.5
"""Declared opening time of the board."""
MARGIN_S: Final = 0.3
"""A command on its way and this watch's own step."""
RETURN_S: Final = 20.0
"""Within this a board that can be reached again is found, read and decided about: retry 5 s, reading, grace 5 s."""
OFFER_TOLERANCE_A: Final = 0.05
RESTORED_S: Final = 0.2
"""Acknowledging a missed heartbeat lets this board offer its stored current until the `$SC` that follows at once
(facts: rapi_openevse, trap 4); a car needs longer to react."""
STEERING: Final = frozenset({"SC", "FS", "FD"})
NOT_COMMANDABLE: Final = frozenset({Fault.BOARD_SILENT, Fault.CONTACTOR_WELDED, Fault.CONTACTOR_UNCONFIRMED})


@dataclass
class _Evse:
    """What the watch knows of one EVSE."""

    bench: EvseBench
    out_of_reach: bool = True
    reachable_since_s: float = 0.0
    asleep_when_lost: bool = False
    """And at rest: not within the seconds that its car has to let go."""
    rebooted: bool = True
    """The board started by itself and has not been told anything since."""
    acknowledged_s: float = -1.0
    """When a missed heartbeat was acknowledged last."""
    steered: bool = False
    """The last command was one that says what to offer."""
    standing: dict[str, float] = field(default_factory=dict)
    registers: list[tuple[float, Decimal]] = field(default_factory=list)
    disturbed_s: list[float] = field(default_factory=list)
    """When the station could not reach the board or the meter, or the contactor did not obey."""
    losses: int = 0
    closings: int = 0


class BenchWatch:
    """Collects violations, each with the time at which it was seen."""

    def __init__(self, station: VirtualStation, supply_a: float) -> None:
        self.station = station
        self.supply_a = supply_a
        self.violations: list[str] = []
        self.evses = {number: _Evse(evse) for number, evse in station.lines.bench.evses.items()}
        self.faults: dict[int, set[str]] = {number: set() for number in self.evses}
        self.evidence = Evidence()
        self._now_s = 0.0
        station.lines.bench.subscribers.append(self._event)

    # ------------------------------------------------------------------ what the bench tells

    def _event(self, event: Mapping[str, Any]) -> None:
        self._now_s = event["t"]
        number = event.get("evse")
        if number is None:
            if event["event"] == "supply":
                for each in self.evses.values():
                    each.rebooted = True
            return
        evse = self.evses[number]
        match event["event"]:
            case "duty":
                self._check_offers()
            case "vehicle":
                self.evidence.cable(number, self._now_s, plugged=event["plugged"])
            case "command" if event["text"].startswith("$SY 165"):
                evse.acknowledged_s = self._now_s
            case "command":
                evse.steered = event["name"] in STEERING
            case "reply" if evse.steered:
                evse.rebooted = False
            case "message" if event["text"].startswith("AB"):
                evse.rebooted = True
            case "contactor" if event["closed"]:
                evse.closings += 1
                self._check_closing(number, evse)

    def _check_offers(self) -> None:
        offers = {
            number: offered_current_a(evse.bench.world.output) or 0.0
            for number, evse in self.evses.items()
            if not evse.rebooted and self._now_s - evse.acknowledged_s > RESTORED_S
        }
        if sum(offers.values()) > self.supply_a + OFFER_TOLERANCE_A:
            self.note(f"offers {offers} A exceed the supply of {self.supply_a} A")

    def _check_closing(self, number: int, evse: _Evse) -> None:
        if evse.out_of_reach and evse.asleep_when_lost and not evse.rebooted and not _welded(evse):
            self.note(f"evse {number}: a board left asleep closed its contactor")

    # ------------------------------------------------------------------ what stands too long

    def tick(self, now_s: float) -> None:
        """Look at everything that may only last for a limited time; called every fraction of a second."""
        self._now_s = now_s
        self._check_offers()
        if self.station.agent is None:
            self.evidence.absent_s.append(now_s)
        for number, evse in self.evses.items():
            self._look_at_reach(number, evse)
            for condition, limit_s in self._conditions(number, evse).items():
                since_s = evse.standing.setdefault(condition, now_s)
                if now_s - since_s > limit_s:
                    self.note(f"evse {number}: {condition} for more than {limit_s:g} s")
                    evse.standing[condition] = float("inf")
            evse.registers.append((now_s, evse.bench.register_wh))

    def _look_at_reach(self, number: int, evse: _Evse) -> None:
        lost = self.station.agent is None or bool(self.faults[number] & set(LINE_FAULTS)) or evse.rebooted
        if lost and not evse.out_of_reach:
            evse.losses += 1
            control = openevse(evse.bench).control
            asleep = control.state in {State.SLEEPING, State.DISABLED}
            evse.asleep_when_lost = asleep and not evse.bench.world.relay_driven
        if not lost and evse.out_of_reach:
            evse.reachable_since_s = self._now_s
        evse.out_of_reach = lost
        if lost or "meter_silent" in self.faults[number] or _welded(evse):
            evse.disturbed_s.append(self._now_s)

    def _conditions(self, number: int, evse: _Evse) -> dict[str, float]:
        """Conditions that hold now, with the time they may last; what ceased to hold is forgotten."""
        closed = evse.bench.world.live and not _welded(evse)
        found: dict[str, float] = {}
        if closed:
            pilot = evse.bench.world.pilot_state
            board = openevse(evse.bench).control.state
            if pilot not in {"C", "D"} and board is not State.SLEEPING:
                found[f"power in pilot state {pilot}"] = OPENING_S + MARGIN_S
            if board.is_fault:
                found[f"power with board fault {board.name}"] = OPENING_S + MARGIN_S
            if not evse.out_of_reach and self._now_s - evse.reachable_since_s > RETURN_S:
                self.evidence.powered_s.setdefault(number, []).append(self._now_s)
                found |= self._of_faults(number)
        for condition in [each for each in evse.standing if each not in found]:
            del evse.standing[condition]
        return found

    def _of_faults(self, number: int) -> dict[str, float]:
        agent = self.station.agent
        if agent is None:
            return {}
        faults = agent.station.evses[number].session.faults
        latched = {f for f in faults if CATALOGUE[f].blocks_power} - NOT_COMMANDABLE
        return {f"power with latched {sorted(f.value for f in latched)}": OPENING_S + MARGIN_S} if latched else {}

    # ------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Keep a violation."""
        self.violations.append(f"{self._now_s:.3f} s: {text}")

    def is_undisturbed(self, number: int, from_s: float, until_s: float) -> bool:
        """True if the station could see and steer this EVSE all the time between."""
        return not any(from_s <= at_s <= until_s for at_s in self.evses[number].disturbed_s)

    def register_at(self, number: int, at_s: float) -> Decimal:
        """Register of the meter at the last look before `at_s`."""
        past = [register for t, register in self.evses[number].registers if t <= at_s]
        return past[-1] if past else self.evses[number].registers[0][1]


def openevse(bench: EvseBench) -> OpenEvseBoard:
    """Its board, of the only kind that these stories are played on."""
    assert isinstance(bench.board, OpenEvseBoard)
    return bench.board


def _welded(evse: _Evse) -> bool:
    return Wiring.WELDED in evse.bench.world.wiring or openevse(evse.bench).control.state is State.STUCK_RELAY
