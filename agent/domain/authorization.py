"""Whether a token may charge, as far as the station can tell without asking.

Source: OCPP 1.6 sections 3.4 and 3.5; OCPP 2.0.1 use cases C01, C10, C12, C15.
"""

from datetime import datetime

from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """The settings in force."""

    cache_enabled: bool
    local_pre_authorize: bool
    """A cached, accepted token may start at once while online."""
    local_authorize_offline: bool
    """A cached, accepted token may start while offline."""
    offline_unknown_accepted: bool
    """Any token may start while offline."""


@dataclass(frozen=True, slots=True)
class CachedToken:
    """What the cache remembers of a token."""

    id_token: IdToken
    authorization: Authorization
    expires_at: datetime | None
    """When the cache forgets it."""

    def valid(self, now: datetime) -> bool:
        """Accepted, and neither the token nor the cache entry expired."""
        limits = (self.expires_at, self.authorization.expires_at)
        return self.authorization.accepted and all(limit is None or now < limit for limit in limits)


def decide_locally(
    policy: AuthorizationPolicy, cached: CachedToken | None, now: datetime, *, online: bool
) -> Authorization | None:
    """Return a decision that needs no back-end, or None if the back-end has to be asked."""
    known = policy.cache_enabled and cached is not None and cached.valid(now)
    if online:
        return cached.authorization if known and cached and policy.local_pre_authorize else None
    return decide_offline(policy, cached if known else None)


def decide_offline(policy: AuthorizationPolicy, cached: CachedToken | None) -> Authorization:
    """Decide without a back-end; `cached` is None unless it is valid. Refuses unless something allows."""
    if cached is not None and policy.local_authorize_offline:
        return cached.authorization
    accepted = policy.offline_unknown_accepted and cached is None
    return Authorization(AuthorizationStatus.ACCEPTED if accepted else AuthorizationStatus.UNKNOWN)
