"""Whether a token may charge, as far as the station can tell without asking.

What the station knows of a token is what its list says, else what its cache remembers. Known and refused, or known and
expired, is no less than refused: only a token that neither knows may pass as an unknown one.
Source: OCPP 1.6 sections 3.5.1 to 3.5.4; OCPP 2.0.1 use cases C01, C10, C12 to C15.
"""

from datetime import datetime

from agent.domain.vocabulary import Authorization, AuthorizationStatus
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """The settings in force."""

    cache_enabled: bool
    local_pre_authorize: bool
    """A known, valid token may start at once while online."""
    local_authorize_offline: bool
    """A known, valid token may start while offline."""
    offline_unknown_accepted: bool
    """A token that is not known may start while offline."""
    list_enabled: bool = True


def known_of(
    policy: AuthorizationPolicy, listed: Authorization | None, cached: Authorization | None
) -> Authorization | None:
    """What the station knows of a token: the list goes before the cache. Source: OCPP 1.6 section 3.5.3."""
    if policy.list_enabled and listed is not None:
        return listed
    return cached if policy.cache_enabled else None


def decide_locally(
    policy: AuthorizationPolicy, known: Authorization | None, now: datetime, *, online: bool
) -> Authorization | None:
    """Return a decision that needs no back-end, or None if the back-end has to be asked."""
    if not online:
        return decide_offline(policy, known, now)
    return known if known is not None and policy.local_pre_authorize and known.valid(now) else None


def decide_offline(policy: AuthorizationPolicy, known: Authorization | None, now: datetime) -> Authorization:
    """Decide without a back-end. Refuses unless something allows.

    Source: OCPP 1.6 section 3.5.4: whom list or cache refuse, or who has expired since, is not unknown.
    """
    if known is None:
        accepted = policy.offline_unknown_accepted
        return Authorization(AuthorizationStatus.ACCEPTED if accepted else AuthorizationStatus.UNKNOWN)
    if not known.valid(now):
        return Authorization(AuthorizationStatus.EXPIRED) if known.accepted else known
    return known if policy.local_authorize_offline else Authorization(AuthorizationStatus.UNKNOWN)


def contradicts(listed: Authorization, told: Authorization, now: datetime) -> bool:
    """Tell whether a back-end's word on a listed token is at odds with the list. Source: OCPP 1.6 section 3.5.2.

    Only validity counts; ConcurrentTx is said of a valid token.
    """
    valid = told.status is AuthorizationStatus.CONCURRENT_TX or told.valid(now)
    return listed.valid(now) != valid
