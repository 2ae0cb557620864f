"""One run of a scenario: its verdict and its results (rule over what the rig has gathered)."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from hil.results import Result, csms_rows, judged, wire_rows
from hil.rig import Rig
from hil.scenario import Scenario
from hil.scenarios.exceptions import EXCEPTIONS


@dataclass(slots=True)
class Run:
    """A scenario with its rig."""

    scenario: Scenario
    rig: Rig
    started_utc: str = field(default_factory=lambda: datetime.now(UTC).isoformat())
    started_s: float = field(default_factory=time.monotonic)

    def verdict(self) -> tuple[str, str]:
        """Return outcome and reason of a run that got to its end."""
        excuse = EXCEPTIONS.get((self.scenario.id, self.rig.board))
        return judged(self.rig.measurements, excuse)

    def result(self, outcome: str, reason: str) -> Result:
        """Give everything for the results file."""
        bench = self.rig.plan.bench_file
        bad = outcome in {"failed", "error"}
        return Result(
            scenario=self.scenario.id,
            title=self.scenario.title,
            limit=self.scenario.limit,
            board=bench.board,
            bench=bench.name,
            meter=bench.meter,
            ocpp=bench.ocpp,
            outcome=outcome,
            reason=reason,
            started_utc=self.started_utc,
            duration_s=round(time.monotonic() - self.started_s, 3),
            stimulus_t=self._stimulus_t(),
            measurements=[each.to_json() for each in self.rig.measurements],
            events=self.rig.history,
            wire=wire_rows(self.rig.recorded),
            csms=csms_rows(self.rig.csms.messages),
            log=self.rig.agent.last_log if bad else (),
        )

    def _stimulus_t(self) -> float | None:
        """Time zero of the plot: the first measurement's beginning, else the latest stimulus."""
        starts = [each.from_t for each in self.rig.measurements if each.from_t is not None]
        return starts[0] if starts else (self.rig.stimulus_t or None)
