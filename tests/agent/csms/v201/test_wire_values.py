from datetime import UTC, datetime

import pytest

from agent.csms.v201.wire_values import read_timestamp


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-15T12:00:00+02:00", datetime(2026, 1, 15, 10, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_at_the_edge_of_the_calendar_can_be_read(text: str, utc: datetime) -> None:
    assert read_timestamp(text) == utc
