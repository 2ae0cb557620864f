from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from agent.domain.authorization import AuthorizationPolicy, CachedToken, decide_locally, decide_offline
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken

NOW = datetime(2026, 5, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED, group_token=IdToken("GROUP"))
BLOCKED = Authorization(AuthorizationStatus.BLOCKED)


def cached(authorization: Authorization = ACCEPTED, expires_at: datetime | None = None) -> CachedToken:
    return CachedToken(IdToken("04A1"), authorization, expires_at)


def policy(*, cache: bool = True, pre: bool = True, offline: bool = True, unknown: bool = False) -> AuthorizationPolicy:
    return AuthorizationPolicy(cache, pre, offline, unknown)


@pytest.mark.parametrize(
    ("entry", "valid"),
    [
        (cached(), True),
        (cached(BLOCKED), False),
        (cached(expires_at=LATER), True),
        (cached(expires_at=NOW), False),
        (cached(Authorization(AuthorizationStatus.ACCEPTED, expires_at=LATER)), True),
        (cached(Authorization(AuthorizationStatus.ACCEPTED, expires_at=NOW), LATER), False),
    ],
)
def test_a_cached_token_is_valid_until_either_date(entry: CachedToken, valid: bool) -> None:
    assert entry.valid(NOW) == valid


def test_online_a_known_token_needs_no_question_where_that_is_allowed() -> None:
    assert decide_locally(policy(), cached(), NOW, online=True) == ACCEPTED
    assert decide_locally(policy(pre=False), cached(), NOW, online=True) is None
    assert decide_locally(policy(cache=False), cached(), NOW, online=True) is None


def test_online_an_unknown_or_expired_token_is_asked_about() -> None:
    assert decide_locally(policy(unknown=True), None, NOW, online=True) is None
    assert decide_locally(policy(), cached(expires_at=NOW), NOW, online=True) is None


def test_offline_the_policy_decides() -> None:
    assert decide_locally(policy(), cached(), NOW, online=False) == ACCEPTED
    refused = decide_locally(policy(), None, NOW, online=False)
    assert refused is not None
    assert not refused.accepted
    unknown = decide_locally(policy(unknown=True), None, NOW, online=False)
    assert unknown is not None
    assert unknown.accepted


@pytest.mark.parametrize(("offline", "unknown", "known"), list(product([True, False], repeat=3)))
def test_a_token_is_accepted_offline_only_if_something_allows_it(offline: bool, unknown: bool, known: bool) -> None:
    decision = decide_offline(policy(offline=offline, unknown=unknown), cached() if known else None)
    assert decision.accepted == (offline if known else unknown)


def test_tokens_are_compared_without_case_and_hidden_in_logs() -> None:
    assert IdToken("04a1b2").same_as(IdToken("04A1B2"))
    assert "04A1" not in repr(IdToken("04A1B2"))
