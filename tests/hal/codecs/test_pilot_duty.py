"""Anchor pairs: facts iec61851_facts, duty cycle."""

import pytest

from hal.codecs.pilot_duty import duty_permille


@pytest.mark.parametrize(
    ("current_a", "permille"),
    [(6, 100), (10, 166), (13, 216), (16, 266), (20, 333), (32, 533), (48, 800), (51, 850), (52.5, 850), (63, 892)],
)
def test_the_duty_cycle_offers_the_current_and_never_more(current_a: float, permille: int) -> None:
    assert duty_permille(current_a) == permille


def test_eighty_ampere_is_the_end() -> None:
    assert duty_permille(80) == 960


@pytest.mark.parametrize("current_a", [0, 5.99, 80.1])
def test_outside_the_range_there_is_no_duty_cycle(current_a: float) -> None:
    with pytest.raises(ValueError, match="has no duty cycle"):
        duty_permille(current_a)
