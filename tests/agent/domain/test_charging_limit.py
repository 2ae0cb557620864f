"""Sharing one supply: as a table, and as random lives of boards that confirm late and cars that follow late."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.charging_limit import Claim, SharingPolicy, allowed_now, ceiling, shares
from agent.station.offer import HeldOffer
from hal.api import MeterReading, Quality


def claim(evse_id: int, *, wants: bool = True, maximum: float = 32, minimum: float = 6, held: float = 0) -> Claim:
    return Claim(evse_id, maximum, minimum, wants, evse_id, held)


@pytest.mark.parametrize(
    ("supply_a", "claims", "wanted"),
    [
        (32, [claim(1)], {1: 32.0}),
        (32, [claim(1), claim(2)], {1: 16.0, 2: 16.0}),
        (32, [claim(1), claim(2, wants=False)], {1: 32.0, 2: 0.0}),
        (32, [claim(1, maximum=10), claim(2)], {1: 10.0, 2: 22.0}),
        (32, [claim(1), claim(2), claim(3)], {1: 10.6, 2: 10.6, 3: 10.6}),
        (14, [claim(1), claim(2), claim(3)], {1: 7.0, 2: 7.0, 3: 0.0}),
        (5, [claim(1)], {1: 0.0}),
        (10, [claim(1, maximum=0), claim(2)], {1: 0.0, 2: 10.0}),
        (20, [claim(1, maximum=10), claim(2, minimum=13)], {1: 6.5, 2: 13.5}),
        (100, [claim(1), claim(2)], {1: 32.0, 2: 32.0}),
    ],
)
def test_the_supply_is_shared_fairly(supply_a: float, claims: list[Claim], wanted: dict[int, float]) -> None:
    assert shares(supply_a, claims) == wanted


@pytest.mark.parametrize(
    ("supply_a", "held", "allowed"),
    [
        (20, (16, 16), {1: 10.0, 2: 10.0}),
        (10, (16, 16), {1: 10.0, 2: 0.0}),
        (32, (16, 16), {1: 16.0, 2: 16.0}),
        (20, (26, 6), {1: 10.0, 2: 6.0}),
        (0, (16, 16), {1: 0.0, 2: 0.0}),
    ],
)
def test_a_supply_that_shrinks_is_followed_at_once_and_suspends_nobody_who_has_a_share(
    supply_a: float, held: tuple[float, float], allowed: dict[int, float]
) -> None:
    claims = [claim(number, held=held_a) for number, held_a in enumerate(held, start=1)]
    assert allowed_now(supply_a, claims) == allowed
    for each in claims:
        assert min(32.0, ceiling(supply_a, claims, each.evse_id)) >= allowed[each.evse_id]
        assert ceiling(supply_a, claims, each.evse_id) <= max(
            supply_a - sum(held) + each.committed_a, allowed[each.evse_id]
        )


CLAIMS = st.lists(
    st.tuples(st.booleans(), st.integers(6, 63), st.sampled_from([6, 8, 13]), st.integers(0, 20)),
    min_size=1,
    max_size=5,
).map(
    lambda rows: [
        Claim(number, max(high, low), low, wants, number, held)
        for number, (wants, high, low, held) in enumerate(rows, start=1)
    ]
)


@given(supply_a=st.integers(0, 100), claims=CLAIMS)
def test_shares_respect_supply_minimum_maximum_and_order(supply_a: int, claims: list[Claim]) -> None:
    divided = shares(supply_a, claims)
    assert sum(divided.values()) <= supply_a + 1e-6
    served = [c for c in claims if divided[c.evse_id] > 0]
    for c in served:
        assert c.wants
        assert c.min_current_a <= divided[c.evse_id] <= c.max_current_a
    unserved = [c.since for c in claims if c.wants and c not in served]
    assert all(c.since < since for c in served for since in unserved), "first come, first served"


@given(supply_a=st.integers(0, 100), claims=CLAIMS)
def test_whoever_takes_what_is_allowed_keeps_the_sum_within_the_supply(supply_a: int, claims: list[Claim]) -> None:
    before = sum(c.committed_a for c in claims)
    allowed = allowed_now(supply_a, claims)
    after = sum(max(c.committed_a, allowed[c.evse_id]) for c in claims)
    assert after <= max(supply_a, before) + 1e-6
    for c in claims:
        assert ceiling(supply_a, claims, c.evse_id) >= min(supply_a - before + c.committed_a, supply_a) - 0.1


@dataclass
class Socket:
    """A board that confirms late, and a car that follows late; what they really do, beside what the rule believes."""

    number: int
    wants: bool = False
    told_a: float = 0.0
    offer: HeldOffer = field(default_factory=HeldOffer)
    board_a: float = 0.0
    drawn_a: float = 0.0
    unsaid: tuple[float, float] | None = None

    def claim(self) -> Claim:
        return Claim(self.number, 32, 6, self.wants, self.number, self.offer.held_a)

    def command(self, current_a: float, now_s: float) -> None:
        self.told_a = current_a if current_a >= 6 else 0.0
        self.offer.commanded(self.told_a, now_s)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["want", "leave", "plan", "apply", "confirm", "follow", "meter", "beat"]), st.integers(0, 2)
    ),
    max_size=80,
)


@settings(max_examples=400, deadline=None)
@given(supply_a=st.integers(6, 70), steps=STEPS)
def test_offers_and_currents_never_exceed_the_supply_whatever_comes_late(
    supply_a: int, steps: list[tuple[str, int]]
) -> None:
    sockets = [Socket(number) for number in (1, 2, 3)]
    for now_s, (step, index) in enumerate(steps, start=100):
        _play(step, sockets[index], sockets, float(supply_a), float(now_s))
        assert sum(s.offer.held_a for s in sockets) <= supply_a + 1e-6
        assert sum(max(s.told_a, s.board_a) for s in sockets) <= supply_a + 1e-6
        assert sum(max(s.board_a, s.drawn_a) for s in sockets) <= supply_a + 1e-6


def _play(step: str, socket: Socket, sockets: list[Socket], supply_a: float, now_s: float) -> None:
    match step:
        case "want":
            socket.wants = True
        case "leave":
            socket.wants = False
            socket.command(0.0, now_s)
        case "plan":
            for other in sockets:
                if other.wants:
                    claims = [s.claim() for s in sockets]
                    limit_a = min(allowed_now(supply_a, claims)[other.number], ceiling(supply_a, claims, other.number))
                    other.command(limit_a, now_s)
        case "apply":
            socket.board_a = socket.told_a
            socket.unsaid = (socket.board_a, now_s)
        case "confirm" if socket.unsaid is not None:
            socket.offer.confirmed(*socket.unsaid, contactor_open=False)
            socket.unsaid = None
        case "follow":
            socket.drawn_a = socket.board_a
        case "meter":
            current = (Decimal(str(socket.drawn_a)),)
            at = datetime(2026, 1, 1, tzinfo=UTC)
            socket.offer.metered(MeterReading(at, now_s, Quality.GOOD, Decimal(0), current_a=current))


def _claims(*maxima_a: float, weights: tuple[float, ...] = (1.0, 1.0, 1.0)) -> list[Claim]:
    return [
        Claim(number, max_a, 6.0, True, number, 0.0, weight)
        for number, (max_a, weight) in enumerate(zip(maxima_a, weights, strict=False), start=1)
    ]


@pytest.mark.parametrize(
    ("policy", "weights", "supply_a", "wanted"),
    [
        (SharingPolicy.EQUAL, (9.0, 1.0, 1.0), 32.0, {1: 10.6, 2: 10.6, 3: 10.6}),
        (SharingPolicy.FIRST_COME, (1.0, 1.0, 1.0), 32.0, {1: 20.0, 2: 6.0, 3: 6.0}),
        (SharingPolicy.FIRST_COME, (1.0, 1.0, 1.0), 60.0, {1: 32.0, 2: 22.0, 3: 6.0}),
        (SharingPolicy.CONFIGURED, (2.0, 1.0, 1.0), 38.0, {1: 16.0, 2: 11.0, 3: 11.0}),
        (SharingPolicy.CONFIGURED, (1.0, 1.0, 2.0), 13.0, {1: 6.5, 2: 0.0, 3: 6.5}),
        (SharingPolicy.FIRST_COME, (1.0, 1.0, 9.0), 13.0, {1: 7.0, 2: 6.0, 3: 0.0}),
    ],
)
def test_the_rest_above_the_minima_is_divided_as_the_policy_says(
    policy: SharingPolicy, weights: tuple[float, ...], supply_a: float, wanted: dict[int, float]
) -> None:
    divided = shares(supply_a, _claims(32.0, 32.0, 32.0, weights=weights), policy)
    if policy is SharingPolicy.CONFIGURED and supply_a == 13.0:
        assert divided[3] > divided[1] >= 6.0
        assert divided[2] == 0.0
    else:
        assert divided == wanted


@given(
    st.floats(0, 100),
    st.lists(
        st.builds(
            Claim,
            st.integers(1, 9),
            st.floats(0, 63),
            st.sampled_from([6.0, 8.0]),
            st.booleans(),
            st.integers(0, 99),
            st.floats(0, 63),
            st.floats(0.01, 100),
        ),
        max_size=6,
        unique_by=lambda claim: claim.evse_id,
    ),
    st.sampled_from(SharingPolicy),
)
def test_no_policy_gives_more_than_there_is_or_less_than_a_minimum(
    supply_a: float, claims: list[Claim], policy: SharingPolicy
) -> None:
    divided = shares(supply_a, claims, policy)
    assert sum(divided.values()) <= supply_a + 1e-6
    for claim in claims:
        share_a = divided[claim.evse_id]
        assert share_a == 0 or claim.min_current_a - 0.11 < share_a <= claim.max_current_a + 1e-6
        assert claim.wants or share_a == 0
    allowed = allowed_now(supply_a, claims, policy)
    if sum(claim.committed_a for claim in claims) <= supply_a:
        held = sum(max(claim.committed_a, allowed[claim.evse_id]) for claim in claims)
        assert held <= supply_a + 0.1
