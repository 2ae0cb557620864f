"""Which phases an EVSE counts on, and how the supply is divided then."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.charging_limit import Claim, SharingPolicy, allowed_now, ceiling, shares
from agent.domain.phase_rotation import GRID_PHASES, ROTATIONS, grid_phases, rotations_of


def claim(evse_id: int, phases: str, *, maximum: float = 32, held: float = 0, weight: float = 1) -> Claim:
    return Claim(evse_id, maximum, 6, True, evse_id, held, weight, frozenset(phases))


def test_every_order_of_three_phases_is_a_rotation_and_nothing_else() -> None:
    assert set(ROTATIONS) == {"".join(each) for each in permutations("RST")}
    assert rotations_of(1) == ("NotApplicable", "Unknown")
    assert set(rotations_of(3)) == {"NotApplicable", "Unknown", *ROTATIONS}


@pytest.mark.parametrize(("rotation", "phase"), [(each, each[0]) for each in ROTATIONS])
def test_one_phase_draws_from_where_its_terminal_is_wired_and_three_from_all(rotation: str, phase: str) -> None:
    assert grid_phases(rotation, 1) == {phase}
    assert grid_phases(rotation, 3) == GRID_PHASES


@pytest.mark.parametrize("rotation", ["NotApplicable", "Unknown"])
def test_what_is_not_known_is_taken_as_if_on_every_phase(rotation: str) -> None:
    assert grid_phases(rotation, 1) == GRID_PHASES


@pytest.mark.parametrize(
    ("supply_a", "claims", "wanted"),
    [
        (32, [claim(1, "R"), claim(2, "S"), claim(3, "T")], {1: 32.0, 2: 32.0, 3: 32.0}),
        (32, [claim(1, "R"), claim(2, "R"), claim(3, "T")], {1: 16.0, 2: 16.0, 3: 32.0}),
        (32, [claim(1, "RST"), claim(2, "S")], {1: 16.0, 2: 16.0}),
        (32, [claim(1, "RST"), claim(2, "S", maximum=10), claim(3, "T")], {1: 16.0, 2: 10.0, 3: 16.0}),
        (10, [claim(1, "R"), claim(2, "S"), claim(3, "R")], {1: 10.0, 2: 10.0, 3: 0.0}),
        (10, [claim(1, "R"), claim(2, "RST"), claim(3, "S")], {1: 10.0, 2: 0.0, 3: 10.0}),
    ],
)
def test_each_phase_is_shared_among_those_on_it(supply_a: float, claims: list[Claim], wanted: dict[int, float]) -> None:
    assert shares(supply_a, claims) == wanted


def test_who_came_first_takes_it_only_from_those_of_its_phases() -> None:
    claims = [claim(1, "R"), claim(2, "S"), claim(3, "R")]
    assert shares(40, claims, SharingPolicy.FIRST_COME) == {1: 32.0, 2: 32.0, 3: 8.0}


def test_weights_count_among_those_of_one_phase() -> None:
    claims = [claim(1, "R", weight=3), claim(2, "S"), claim(3, "R")]
    assert shares(32, claims, SharingPolicy.CONFIGURED) == {1: 21.0, 2: 32.0, 3: 11.0}


def test_only_what_is_held_on_its_phases_keeps_a_claim_down() -> None:
    claims = [claim(1, "R", held=32), claim(2, "S"), claim(3, "RST")]
    assert (ceiling(32, claims, 2), ceiling(32, claims, 3)) == (32.0, 0.0)
    assert allowed_now(32, claims)[2] > 0
    assert allowed_now(32, claims)[3] == 0


CLAIMS = st.lists(
    st.tuples(st.sampled_from(["R", "S", "T", "RST"]), st.integers(6, 40), st.integers(0, 16), st.floats(0.1, 5)),
    min_size=1,
    max_size=6,
).map(
    lambda rows: [
        claim(number, phases, maximum=maximum, held=held, weight=weight)
        for number, (phases, maximum, held, weight) in enumerate(rows, start=1)
    ]
)


@given(supply_a=st.integers(0, 100), claims=CLAIMS, policy=st.sampled_from(SharingPolicy))
def test_no_phase_is_given_more_than_there_is_and_nobody_can_be_given_more(
    supply_a: int, claims: list[Claim], policy: SharingPolicy
) -> None:
    divided = shares(supply_a, claims, policy)
    used = {phase: sum(divided[c.evse_id] for c in claims if phase in c.phases) for phase in GRID_PHASES}
    assert all(used_a <= supply_a + 1e-6 for used_a in used.values())
    for c in claims:
        if divided[c.evse_id] > 0:
            more_a = min(supply_a - used[phase] for phase in c.phases)
            assert c.min_current_a <= divided[c.evse_id] <= c.max_current_a
            assert divided[c.evse_id] > c.max_current_a - 0.1 or more_a < 0.1 * len(claims) + 1e-6


@given(supply_a=st.integers(0, 100), claims=CLAIMS)
def test_whoever_takes_what_is_allowed_keeps_every_phase_within_the_supply(supply_a: int, claims: list[Claim]) -> None:
    allowed = allowed_now(supply_a, claims)
    for phase in GRID_PHASES:
        on_it = [c for c in claims if phase in c.phases]
        before = sum(c.committed_a for c in on_it)
        after = sum(max(c.committed_a, allowed[c.evse_id]) for c in on_it)
        assert after <= max(supply_a, before) + 1e-6
