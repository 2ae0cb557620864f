from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from agent.domain.authorization import AuthorizationPolicy, contradicts, decide_locally, decide_offline, known_of
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED, group_token=IdToken("GROUP"))
BLOCKED = Authorization(AuthorizationStatus.BLOCKED)
EXPIRED = Authorization(AuthorizationStatus.ACCEPTED, expires_at=NOW)
LASTING = Authorization(AuthorizationStatus.ACCEPTED, expires_at=LATER)
CONCURRENT = Authorization(AuthorizationStatus.CONCURRENT_TX)


def policy(
    *, cache: bool = True, pre: bool = True, offline: bool = True, unknown: bool = False, listed: bool = True
) -> AuthorizationPolicy:
    return AuthorizationPolicy(cache, pre, offline, unknown, listed)


@pytest.mark.parametrize(("told", "valid"), [(ACCEPTED, True), (BLOCKED, False), (LASTING, True), (EXPIRED, False)])
def test_a_known_token_is_valid_until_it_expires(told: Authorization, valid: bool) -> None:
    assert told.valid(NOW) == valid


@pytest.mark.parametrize(
    ("listed", "cached", "known"),
    [
        (BLOCKED, ACCEPTED, BLOCKED),
        (ACCEPTED, BLOCKED, ACCEPTED),
        (None, ACCEPTED, ACCEPTED),
        (EXPIRED, ACCEPTED, EXPIRED),
        (None, None, None),
    ],
)
def test_the_list_goes_before_the_cache(
    listed: Authorization | None, cached: Authorization | None, known: Authorization | None
) -> None:
    """OCPP 1.6 section 3.5.3."""
    assert known_of(policy(), listed, cached) == known


def test_a_list_or_cache_that_is_switched_off_knows_nothing() -> None:
    """OCPP 1.6 sections 9.1 (AuthorizationCacheEnabled) and 9.2 (LocalAuthListEnabled)."""
    assert known_of(policy(listed=False), BLOCKED, ACCEPTED) == ACCEPTED
    assert known_of(policy(cache=False), None, ACCEPTED) is None
    assert known_of(policy(cache=False), ACCEPTED, BLOCKED) == ACCEPTED


def test_online_a_known_token_needs_no_question_where_that_is_allowed() -> None:
    """OCPP 1.6 section 9.1, LocalPreAuthorize."""
    assert decide_locally(policy(), ACCEPTED, NOW, online=True) == ACCEPTED
    assert decide_locally(policy(pre=False), ACCEPTED, NOW, online=True) is None


@pytest.mark.parametrize("known", [None, BLOCKED, EXPIRED])
def test_online_a_token_that_is_not_known_to_be_valid_is_asked_about(known: Authorization | None) -> None:
    """OCPP 1.6 section 3.5.1."""
    assert decide_locally(policy(unknown=True), known, NOW, online=True) is None


def test_offline_the_policy_decides() -> None:
    assert decide_locally(policy(), ACCEPTED, NOW, online=False) == ACCEPTED
    for unknown in (False, True):
        decided = decide_locally(policy(unknown=unknown), None, NOW, online=False)
        assert decided is not None
        assert decided.accepted == unknown


@pytest.mark.parametrize(("offline", "unknown", "known"), list(product([True, False], repeat=3)))
def test_a_token_is_accepted_offline_only_if_something_allows_it(offline: bool, unknown: bool, known: bool) -> None:
    decision = decide_offline(policy(offline=offline, unknown=unknown), ACCEPTED if known else None, NOW)
    assert decision.accepted == (offline if known else unknown)


@pytest.mark.parametrize(
    ("known", "status"), [(BLOCKED, AuthorizationStatus.BLOCKED), (EXPIRED, AuthorizationStatus.EXPIRED)]
)
def test_whom_the_station_knows_to_be_refused_is_not_unknown(known: Authorization, status: AuthorizationStatus) -> None:
    """OCPP 1.6 section 3.5.4: such identifiers MUST be rejected, also where unknown ones are not."""
    assert decide_offline(policy(unknown=True), known, NOW).status is status


@pytest.mark.parametrize(
    ("listed", "told", "conflict"),
    [
        (ACCEPTED, BLOCKED, True),
        (BLOCKED, ACCEPTED, True),
        (EXPIRED, ACCEPTED, True),
        (ACCEPTED, EXPIRED, True),
        (ACCEPTED, LASTING, False),
        (ACCEPTED, CONCURRENT, False),
        (BLOCKED, Authorization(AuthorizationStatus.INVALID), False),
    ],
)
def test_list_and_back_end_disagree_where_only_one_takes_the_token_for_valid(
    listed: Authorization, told: Authorization, conflict: bool
) -> None:
    """OCPP 1.6 section 3.5.2."""
    assert contradicts(listed, told, NOW) == conflict


def test_tokens_are_compared_without_case_and_hidden_in_logs() -> None:
    assert IdToken("04a1b2").same_as(IdToken("04A1B2"))
    assert "04A1" not in repr(IdToken("04A1B2"))
