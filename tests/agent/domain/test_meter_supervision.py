from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from agent.domain import events as ev
from agent.domain.meter_supervision import MeterSupervision
from hal.api import Fault, MeterReading, Quality

NOMINAL = (230.0, 230.0, 230.0)


def reading(at_s: float, current_a: float = 0.0, voltage_v: Sequence[float | None] = NOMINAL) -> MeterReading:
    return MeterReading(
        at=datetime(2026, 1, 1, tzinfo=UTC),
        at_s=at_s,
        quality=Quality.GOOD,
        energy_import_wh=Decimal(0),
        voltage_v=tuple(None if each is None else Decimal(str(each)) for each in voltage_v),
        current_a=(Decimal(str(current_a)),) * 3,
    )


def charging(offered_a: float = 16.0) -> MeterSupervision:
    supervision = MeterSupervision(3)
    supervision.offered(offered_a, 0.0)
    supervision.contactor(closed=True, at_s=0.0)
    return supervision


def faults(supervision: MeterSupervision, readings: Sequence[MeterReading]) -> list[tuple[float, str, Fault]]:
    found = []
    for each in readings:
        for event in supervision.judged(each):
            assert isinstance(event, ev.FaultAppeared | ev.FaultDisappeared)
            kind = "raised" if isinstance(event, ev.FaultAppeared) else "cleared"
            found.append((each.at_s, kind, event.fault))
    return found


def test_a_fifth_more_than_offered_is_over_current_after_seven_seconds() -> None:
    told = faults(charging(), [reading(float(t), 19.2) for t in range(20, 40)])
    assert told == [(27.0, "raised", Fault.OVER_CURRENT)]


def test_ten_percent_and_half_an_ampere_are_let_go() -> None:
    assert faults(charging(), [reading(float(t), 18.1) for t in range(20, 60)]) == []


def test_an_ev_has_five_seconds_to_follow_a_lower_offer() -> None:
    supervision = charging(32.0)
    supervision.offered(10.0, 100.0)
    told = faults(supervision, [reading(float(t), 30.0) for t in range(101, 120)])
    assert told == [(112.0, "raised", Fault.OVER_CURRENT)]


def test_flapping_limits_do_not_prolong_the_grace() -> None:
    supervision = charging(32.0)
    told = []
    for t in range(100, 130):
        supervision.offered(10.0 if t % 2 else 8.0, float(t))
        told += faults(supervision, [reading(float(t), 30.0)])
    assert told == [(112.0, "raised", Fault.OVER_CURRENT)]


def test_a_short_excess_is_forgotten() -> None:
    supervision = charging()
    rows = [reading(float(t), 25.0 if t % 6 else 15.0) for t in range(20, 80)]
    assert faults(supervision, rows) == []


def test_readings_with_a_gap_between_them_prove_no_duration() -> None:
    assert faults(charging(), [reading(20.0, 25.0), reading(40.0, 25.0)]) == []


@pytest.mark.parametrize(
    ("voltage_v", "fault"),
    [
        ((180.0, 230.0, 230.0), Fault.UNDER_VOLTAGE),
        ((230.0, 230.0, 270.0), Fault.OVER_VOLTAGE),
        ((230.0, 0.0, 230.0), Fault.PHASE_LOSS),
    ],
)
def test_a_bad_supply_is_a_fault_while_it_lasts(voltage_v: Sequence[float], fault: Fault) -> None:
    bad = [reading(float(t), voltage_v=voltage_v) for t in range(10)]
    good = [reading(float(t)) for t in range(10, 15)]
    assert faults(charging(), bad + good) == [(3.0, "raised", fault), (10.0, "cleared", fault)]


def test_a_voltage_at_the_edge_does_not_flap() -> None:
    rows = [reading(float(t), voltage_v=(195.0 if t < 5 or t % 2 else 197.0,) * 3) for t in range(60)]
    assert faults(charging(), rows) == [(3.0, "raised", Fault.UNDER_VOLTAGE)]


def test_a_dark_installation_is_no_voltage_fault_of_this_evse() -> None:
    assert faults(charging(), [reading(float(t), voltage_v=(0.0, 0.0, 0.0)) for t in range(10)]) == []


def test_a_meter_without_voltages_raises_nothing() -> None:
    assert faults(charging(), [reading(float(t), voltage_v=(None, None, None)) for t in range(10)]) == []


def test_one_phase_of_three_is_enough_where_one_is_connected() -> None:
    supervision = MeterSupervision(1)
    assert faults(supervision, [reading(float(t), voltage_v=(230.0, 0.0, 0.0)) for t in range(10)]) == []


def test_current_past_an_open_contactor_is_found() -> None:
    supervision = charging()
    supervision.contactor(closed=False, at_s=50.0)
    late = [reading(49.9, 10.0), reading(50.0, 10.0)]
    told = faults(supervision, [*late, *(reading(51.0 + t, 10.0) for t in range(5))])
    assert told == [(53.0, "raised", Fault.UNEXPECTED_CURRENT)]


def test_an_unknown_contactor_accuses_nobody() -> None:
    supervision = charging()
    supervision.contactor(closed=None, at_s=50.0)
    assert faults(supervision, [reading(51.0 + t, 30.0) for t in range(20)]) == []
