"""The outside judge of power is itself judged: each gap in the chain is seen, and a whole chain is not."""

from dataclasses import replace

import pytest

from tests.properties.authority import Evidence, Grant, Span, unauthorised
from tests.properties.operations import ALICE, BOB, STRANGER, Op, op
from tests.properties.test_random_stories import tell

SPAN = Span("tx", 1, ALICE, start_s=100.0, end_s=200.0)


def looks(from_s: float, until_s: float) -> list[float]:
    return [from_s + 0.2 * number for number in range(int((until_s - from_s) * 5))]


def evidence(*grants: Grant, powered_s: list[float], unplugged_s: tuple[float, ...] = ()) -> Evidence:
    return Evidence(
        grants=list(grants), accepted_s={ALICE: 50.0}, powered_s={1: powered_s}, unplugged_s={1: list(unplugged_s)}
    )


CARD = Grant(99.0, ALICE)


def test_power_from_an_accepted_card_to_the_end_of_its_transaction_is_authorised() -> None:
    assert unauthorised(evidence(CARD, powered_s=looks(101, 200)), [SPAN]) == []


def test_power_outside_of_every_transaction_is_seen() -> None:
    assert "outside" in unauthorised(evidence(CARD, powered_s=looks(190, 205)), [SPAN])[0]
    assert "outside" in unauthorised(evidence(CARD, powered_s=looks(101, 103)), [])[0]


@pytest.mark.parametrize(
    "grant",
    [replace(CARD, token=BOB), replace(CARD, at_s=101.0), replace(CARD, at_s=80.0), replace(CARD, evse=2)],
    ids=["of another", "too late", "before the last unplugging", "for another EVSE"],
)
def test_a_transaction_without_a_card_or_remote_start_of_its_own_is_seen(grant: Grant) -> None:
    found = unauthorised(evidence(grant, powered_s=looks(101, 200), unplugged_s=(90.0,)), [SPAN])
    assert "neither card nor remote start" in found[0]


def test_one_card_starts_one_transaction() -> None:
    second = Span("again", 1, ALICE, start_s=210.0, end_s=300.0)
    found = unauthorised(evidence(CARD, powered_s=looks(101, 290)[:490] + looks(211, 290)), [SPAN, second])
    assert any("again" in text and "neither" in text for text in found)


def test_power_before_the_back_end_accepted_the_card_is_seen_and_a_remote_start_needs_no_card() -> None:
    early = evidence(CARD, powered_s=looks(101, 200))
    early.accepted_s = {ALICE: 150.0}
    assert "before the back-end accepted" in unauthorised(early, [SPAN])[0]
    early.grants = [replace(CARD, evse=1)]
    assert unauthorised(early, [SPAN]) == []


def test_power_after_a_remote_stop_its_own_card_or_the_unplugging_is_seen() -> None:
    powered_s = looks(101, 200)
    stopped = evidence(CARD, powered_s=powered_s)
    stopped.remote_stops = [(150.0, "tx")]
    assert "remote stop" in unauthorised(stopped, [SPAN])[0]
    assert "its own card" in unauthorised(evidence(CARD, Grant(150.0, ALICE), powered_s=powered_s), [SPAN])[0]
    assert "cable" in unauthorised(evidence(CARD, powered_s=powered_s, unplugged_s=(150.0,)), [SPAN])[0]


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
@pytest.mark.parametrize("stop", [op("remote_stop"), op("swipe", 0, token=ALICE)], ids=["remote stop", "card"])
def test_a_stop_outlives_the_death_of_the_agent_while_the_car_lets_go(version: str, stop: Op) -> None:
    charge = [op("plug_in", stubborn=True), op("swipe", 0, token=ALICE), op("wait", 0, s=40.0)]
    player = tell(
        version, 1, [*charge, stop, op("wait", 0, s=1.2), op("kill_and_start", 0, dead_s=0.0), op("wait", 0, s=60.0)]
    )
    assert player.watch.evidence.powered_s[1]


def test_the_player_keeps_the_outside_evidence_of_a_session() -> None:
    seen = tell(
        *("2.0.1", 1),
        [
            op("swipe", 0, token=STRANGER),
            op("wait", 0, s=1.0),
            op("plug_in"),
            op("swipe", 0, token=BOB),
            op("wait", 0, s=60.0),
        ],
    )
    found = seen.watch.evidence
    assert [grant.token for grant in found.grants] == [STRANGER, BOB]
    assert list(found.accepted_s) == [BOB]
    assert found.powered_s[1]
    assert len(found.unplugged_s[1]) == 1
