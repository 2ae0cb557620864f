"""Owns the authorisation cache and decides about tokens: locally where allowed, else by asking the back-end."""

import logging
from datetime import timedelta

from agent.clock import Clock
from agent.domain.authorization import AuthorizationPolicy, CachedToken, decide_locally, decide_offline
from agent.domain.device_model import DeviceModel
from agent.domain.vocabulary import Authorization, IdToken
from agent.station.back_end import BackEnd, BackEndUnreachableError
from agent.store import authorization_cache
from agent.store.authorization_cache import CachedAuthorization
from agent.store.database import Database
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

MAX_CACHED = 5_000


class Authorizer:
    """Answers whether a token may charge; never raises for want of a back-end."""

    def __init__(self, database: Database, device_model: DeviceModel, clock: Clock) -> None:
        self._database = database
        self._model = device_model
        self._clock = clock
        self._cache: dict[str, CachedAuthorization] = {}

    async def open(self) -> None:
        """Load the cache. Raises: StoreError."""
        entries = await self._database.run(authorization_cache.load)
        self._cache = {entry.id_token.value.casefold(): entry for entry in reversed(entries)}

    async def authorize(self, id_token: IdToken, back_end: BackEnd) -> Authorization:
        """Decide about this token."""
        policy = self._policy()
        cached = self._cached(id_token)
        now = self._clock.now().utc
        decision = decide_locally(policy, cached, now, online=back_end.is_online)
        if decision is not None:
            return decision
        try:
            answer = await back_end.authorize(id_token)
        except BackEndUnreachableError:
            valid = cached if policy.cache_enabled and cached is not None and cached.valid(now) else None
            return decide_offline(policy, valid)
        self.learn(id_token, answer)
        return answer

    def learn(self, id_token: IdToken, authorization: Authorization) -> None:
        """Remember what a back-end said of a token, whatever it was asked for. Source: OCPP 2.0.1 C10.FR.04."""
        if not self._model.boolean("AuthCacheCtrlr", "Enabled"):
            return
        entry = CachedAuthorization(id_token, authorization, self._clock.now().utc)
        self._cache[id_token.value.casefold()] = entry
        if len(self._cache) > MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._database.submit(lambda connection: authorization_cache.put(connection, entry), _log_failure)
        self._database.submit(lambda connection: authorization_cache.trim(connection, MAX_CACHED), _log_failure)

    def clear(self) -> bool:
        """Forget everything; False if the cache is switched off. Source: OCPP 2.0.1 C11.FR.03."""
        if not self._model.boolean("AuthCacheCtrlr", "Enabled"):
            return False
        self._cache.clear()
        self._database.submit(authorization_cache.clear, _log_failure)
        return True

    def _cached(self, id_token: IdToken) -> CachedToken | None:
        entry = self._cache.get(id_token.value.casefold())
        if entry is None:
            return None
        lifetime = self._model.text("AuthCacheCtrlr", "LifeTime")
        expires_at = entry.used_at + timedelta(seconds=int(lifetime)) if lifetime and int(lifetime) else None
        return CachedToken(entry.id_token, entry.authorization, expires_at)

    def _policy(self) -> AuthorizationPolicy:
        return AuthorizationPolicy(
            cache_enabled=self._model.boolean("AuthCacheCtrlr", "Enabled"),
            local_pre_authorize=self._model.boolean("AuthCtrlr", "LocalPreAuthorize"),
            local_authorize_offline=self._model.boolean("AuthCtrlr", "LocalAuthorizeOffline"),
            offline_unknown_accepted=self._model.boolean("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
        )


def _log_failure(error: StoreError) -> None:
    logger.warning("authorisation cache not stored error=%s", error)
