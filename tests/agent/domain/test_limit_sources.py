"""Limits from outside the back-end. Lessons 42, 43, 50."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.limit_sources import LimitSource, LimitSources, SourceTerms

GRID, EXTERNAL = LimitSource.GRID_OPERATOR, LimitSource.EXTERNAL


def sources(timeout_s: float = 60.0, fail_safe_a: float = 6.0) -> LimitSources:
    return LimitSources({EXTERNAL: SourceTerms(timeout_s, fail_safe_a)})


def holds(rule: LimitSources, now_s: float) -> tuple[float, bool] | None:
    limit = rule.smallest(now_s)
    return None if limit is None else (limit.current_a, limit.is_fail_safe)


def test_the_fail_safe_holds_until_the_source_has_spoken() -> None:
    rule = sources()
    assert holds(rule, 0.0) == (6.0, True)
    assert rule.next_change_s(0.0) == inf
    assert rule.tell(EXTERNAL, 16.0, 1000.0) is None
    assert holds(rule, 1000.0) == (16.0, False)


def test_a_silent_source_falls_back_when_its_heartbeat_runs_out_and_not_before() -> None:
    rule = sources()
    rule.tell(EXTERNAL, 16.0, 100.0)
    assert rule.next_change_s(100.0) == 160.0
    assert holds(rule, 159.9) == (16.0, False)
    assert holds(rule, 160.0) == (6.0, True)
    rule.tell(EXTERNAL, 16.0, 200.0)
    assert holds(rule, 259.0) == (16.0, False)


def test_a_source_may_say_that_it_does_not_limit() -> None:
    rule = sources()
    rule.tell(EXTERNAL, None, 0.0)
    assert holds(rule, 1.0) is None
    assert holds(rule, 61.0) == (6.0, True)


def test_a_source_without_a_heartbeat_is_believed_for_ever_once_it_has_spoken() -> None:
    rule = sources(timeout_s=0.0)
    assert holds(rule, 0.0) == (6.0, True)
    rule.tell(EXTERNAL, 10.0, 0.0)
    assert holds(rule, 1e9) == (10.0, False)


@pytest.mark.parametrize("current_a", [-1.0, inf, float("nan")])
def test_a_limit_that_is_none_is_refused_and_changes_nothing(current_a: float) -> None:
    rule = sources()
    rule.tell(EXTERNAL, 16.0, 0.0)
    assert rule.tell(EXTERNAL, current_a, 50.0) is not None
    assert rule.next_change_s(0.0) == 60.0


def test_a_source_that_is_not_configured_is_refused_by_name() -> None:
    assert sources().tell(GRID, 6.0, 0.0) == "no [limits.grid_operator] is configured"
    assert LimitSources({}).smallest(0.0) is None


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.sampled_from(LimitSource), st.none() | st.floats(0, 63)),
        min_size=1,
        max_size=30,
    ),
    st.dictionaries(
        st.sampled_from(LimitSource), st.builds(SourceTerms, st.sampled_from([0.0, 10.0, 60.0]), st.floats(0, 32))
    ),
)
def test_at_every_second_the_smallest_of_what_each_source_said_or_its_fail_safe_holds(
    course: list[tuple[int, LimitSource, float | None]], terms: dict[LimitSource, SourceTerms]
) -> None:
    rule = LimitSources(terms)
    told: dict[LimitSource, tuple[float, float]] = {}
    now_s = 0.0
    for wait_s, source, current_a in course:
        for second in range(int(wait_s) + 1):
            at_s = now_s + second
            wanted = [
                told[each][0]
                if each in told and (term.heartbeat_timeout_s == 0 or at_s - told[each][1] < term.heartbeat_timeout_s)
                else term.fail_safe_current_a
                for each, term in terms.items()
            ]
            limit = rule.smallest(at_s)
            assert (inf if limit is None else limit.current_a) == min(wanted, default=inf)
            if limit is not None and limit.until_s < inf:
                assert limit.until_s > at_s
        now_s += wait_s
        if rule.tell(source, current_a, now_s) is None:
            told[source] = (inf if current_a is None else current_a, now_s)
