import pytest

from agent.csms.back_off import BackOffRange
from agent.csms.link_variables import ModelTiming, timing_from
from agent.csms.settings import LinkTiming
from agent.domain.device_model import parse_variable_name
from tests.fakes.fake_station import device_model


def test_what_a_variable_decides_replaces_the_configuration_and_the_rest_stays() -> None:
    base = LinkTiming(settle_s=1.5, reconnect=BackOffRange(maximum_s=120.0))
    timing = timing_from(device_model(), base)
    assert timing.call_timeout_s == 35.0
    assert timing.offline_threshold_s == 60.0
    assert timing.reconnect == BackOffRange(minimum_s=2.0, maximum_s=120.0, random_s=5.0, doublings=6)
    assert timing.settle_s == 1.5
    assert timing.learn_utc


def test_a_variable_that_a_back_end_sets_takes_effect_at_the_next_look() -> None:
    model = device_model()
    for name, value in (
        ("OCPPCommCtrlr.RetryBackOffWaitMinimum", "400"),
        ("OCPPCommCtrlr.OfflineThreshold", "7"),
        ("ClockCtrlr.TimeSource", "RealTimeClock"),
    ):
        assert model.set(parse_variable_name(name), value).accepted
    timing = timing_from(model, LinkTiming())
    assert (timing.reconnect.minimum_s, timing.reconnect.maximum_s) == (400.0, 400.0)
    assert timing.offline_threshold_s == 7.0
    assert not timing.learn_utc


def test_a_clock_that_is_not_to_be_set_stays_so_whatever_the_time_source() -> None:
    assert not timing_from(device_model(), LinkTiming(learn_utc=False)).learn_utc


def test_a_longer_call_timeout_never_makes_the_link_look_dead_before_it_is_over() -> None:
    model = device_model()
    model.preset(parse_variable_name("OCPPCommCtrlr.MessageTimeout[Default]"), "100")
    assert timing_from(model, LinkTiming()).liveness_s == 150.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OCPPCommCtrlr.MessageTimeout[Default]", "100"),
        ("OCPPCommCtrlr.OfflineThreshold", "7"),
        ("OCPPCommCtrlr.RetryBackOffWaitMinimum", "9"),
        ("OCPPCommCtrlr.RetryBackOffRandomRange", "9"),
        ("OCPPCommCtrlr.RetryBackOffRepeatTimes", "2"),
        ("ClockCtrlr.TimeSource", "RealTimeClock"),
    ],
)
def test_a_timing_that_is_kept_is_forgotten_when_a_variable_of_it_changes(name: str, value: str) -> None:
    model = device_model()
    timing = ModelTiming(model, LinkTiming())
    before = timing()
    assert timing() is before
    assert model.preset(parse_variable_name(name), value).accepted
    assert timing() == timing_from(model, LinkTiming()) != before
