from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from agent.domain.security_event import SecurityEvent, SecurityEventType
from agent.domain.security_event_filter import MAX_DIFFERENT, WINDOW_S, SecurityEventFilter

AT = datetime(2026, 3, 14, tzinfo=UTC)
GARBAGE = SecurityEventType.INVALID_MESSAGES


def event(info: str = "", type_: SecurityEventType = GARBAGE) -> SecurityEvent:
    return SecurityEvent(type_, AT, info)


def test_the_same_again_is_counted_and_told_once_at_the_end_of_the_window() -> None:
    rule = SecurityEventFilter()
    assert rule.take(event("not JSON"), 10.0)
    assert not any(rule.take(event("not JSON"), 10.0 + n) for n in range(1, 38))
    assert rule.next_due_s == 10.0 + WINDOW_S
    assert rule.due(9.9 + WINDOW_S) == []
    (told,) = rule.due(10.0 + WINDOW_S)
    assert told.tech_info == "37 more of the same within 600 s: not JSON"
    assert rule.due(1e9) == []


def test_after_a_quiet_window_the_same_event_is_written_again() -> None:
    rule = SecurityEventFilter()
    assert rule.take(event("x"), 0.0)
    assert rule.due(WINDOW_S) == []
    assert rule.take(event("x"), WINDOW_S)


def test_another_type_or_information_is_not_the_same() -> None:
    rule = SecurityEventFilter()
    assert rule.take(event("x"), 0.0)
    assert rule.take(event("y"), 0.0)
    assert rule.take(event("x", SecurityEventType.MEMORY_EXHAUSTION), 0.0)


def test_of_a_flood_with_ever_new_information_a_few_are_written_and_the_rest_is_one_count() -> None:
    rule = SecurityEventFilter()
    assert sum(rule.take(event(str(n)), 0.0) for n in range(1000)) == MAX_DIFFERENT
    (told,) = rule.due(WINDOW_S)
    assert told.tech_info == f"{1000 - MAX_DIFFERENT} others within 600 s: 999"


@given(st.lists(st.tuples(st.integers(0, 900), st.sampled_from("abcdefghij")), max_size=80))
def test_every_event_is_written_or_counted(course: list[tuple[int, str]]) -> None:
    rule = SecurityEventFilter()
    written = counted = 0
    now_s = 0.0
    for wait_s, info in course:
        now_s += wait_s
        counted += sum(int(told.tech_info.split()[0]) for told in rule.due(now_s))
        written += rule.take(event(info), now_s)
    counted += sum(int(told.tech_info.split()[0]) for told in rule.all_counts(now_s))
    assert written + counted == len(course)


@given(st.floats(0.0, 1e8))
@example(3834.232699729823)  # plus 600, minus itself: a little less than 600
def test_at_the_time_that_is_due_something_is_forgotten_however_the_sum_was_rounded(since_s: float) -> None:
    rule = SecurityEventFilter()
    rule.take(event("x"), since_s)
    due_s = rule.next_due_s
    assert due_s is not None
    rule.due(due_s)
    assert rule.next_due_s is None
