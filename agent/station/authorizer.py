"""Decides about tokens: by the local list and the cache where that is allowed, else by asking the back-end.

Rules kept here:
* The list goes before the cache, and what is listed is never cached (OCPP 1.6 section 3.5.3).
* A full cache loses what is not valid first, then what was not used for longest (1.6 section 3.5.1).
* Whatever a back-end says of a token takes the place of what was said before, also while the cache is off.
"""

import logging
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

from agent.clock import Clock
from agent.domain.authorization import AuthorizationPolicy, contradicts, decide_locally, decide_offline, known_of
from agent.domain.device_model import DeviceModel
from agent.domain.local_list import ListConflict
from agent.domain.vocabulary import Authorization, IdToken
from agent.station.back_end import BackEnd, BackEndUnreachableError
from agent.station.local_list import LocalList
from agent.store import authorization_cache
from agent.store.authorization_cache import CachedAuthorization
from agent.store.database import Database
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)

MAX_CACHED = 5_000


class Authorizer:
    """Answers whether a token may charge; never raises for want of a back-end."""

    def __init__(
        self, database: Database, device_model: DeviceModel, clock: Clock, local_list: LocalList | None = None
    ) -> None:
        self._database = database
        self._model = device_model
        self._clock = clock
        self.local_list = LocalList(database) if local_list is None else local_list
        self._cache: OrderedDict[str, CachedAuthorization] = OrderedDict()
        """Least recently used first."""
        self._tell_conflict: Callable[[ListConflict], None] = _log_conflict

    async def open(self) -> None:
        """Load the list and the cache. Raises: StoreError."""
        await self.local_list.open()
        entries = await self._database.run(_load_cache)
        self._cache = OrderedDict((entry.id_token.value.casefold(), entry) for entry in reversed(entries))

    def on_conflict(self, callback: Callable[[ListConflict], None]) -> None:
        """Call back when a back-end and the list disagree on a token."""
        self._tell_conflict = callback

    @property
    def list_enabled(self) -> bool:
        """Whether the local list counts."""
        return self._model.boolean("LocalAuthListCtrlr", "Enabled")

    async def authorize(self, id_token: IdToken, back_end: BackEnd) -> Authorization:
        """Decide about this token."""
        policy = self._policy()
        known, now = self._known(policy, id_token), self._clock.now().utc
        decision = decide_locally(policy, known, now, online=back_end.is_online)
        if decision is not None:
            return decision
        try:
            answer = await back_end.authorize(id_token)
        except BackEndUnreachableError:
            return decide_offline(policy, self._known(policy, id_token), now)
        self.learn(id_token, answer)
        return answer

    def group_of(self, id_token: IdToken) -> IdToken | None:
        """The group of a token as far as list or cache know it. Source: OCPP 1.6 section 5.13."""
        known = self._known(self._policy(), id_token)
        return None if known is None else known.group_token

    def learn(self, id_token: IdToken, authorization: Authorization) -> None:
        """Remember what a back-end said of a token, whatever it was asked for. Source: OCPP 2.0.1 C10.FR.04."""
        listed = self.local_list.find(id_token) if self.list_enabled else None
        if listed is not None and contradicts(listed, authorization, self._clock.now().utc):
            self._tell_conflict(ListConflict(id_token, listed, authorization))
        if listed is not None or not self._model.boolean("AuthCacheCtrlr", "Enabled"):
            self._forget(id_token)  # it may have come from before, and would speak again one day
            return
        now = self._clock.now().utc
        entry, key = CachedAuthorization(id_token, authorization, now), id_token.value.casefold()
        if key not in self._cache and len(self._cache) >= MAX_CACHED:
            self._make_room(now)
        self._cache[key] = entry
        self._cache.move_to_end(key)
        self._database.submit(lambda connection: authorization_cache.put(connection, entry), _log_failure)

    def clear(self) -> bool:
        """Forget the cache; False if it is switched off. Source: OCPP 2.0.1 C11.FR.03."""
        if not self._model.boolean("AuthCacheCtrlr", "Enabled"):
            return False
        self._cache.clear()
        self._database.submit(authorization_cache.clear, _log_failure)
        return True

    def _known(self, policy: AuthorizationPolicy, id_token: IdToken) -> Authorization | None:
        return known_of(policy, self.local_list.find(id_token), self._cached(id_token))

    def _cached(self, id_token: IdToken) -> Authorization | None:
        key = id_token.value.casefold()
        entry = self._cache.get(key)
        if entry is None or self._is_aged(entry):
            return None
        self._cache.move_to_end(key)
        return entry.authorization

    def _is_aged(self, entry: CachedAuthorization) -> bool:
        lifetime = self._model.text("AuthCacheCtrlr", "LifeTime")
        age = self._clock.now().utc - entry.used_at
        return bool(lifetime) and int(lifetime) > 0 and age >= timedelta(seconds=int(lifetime))

    def _make_room(self, now: datetime) -> None:
        useless = [key for key, entry in self._cache.items() if not entry.authorization.valid(now)]
        for key in useless or [next(iter(self._cache))]:
            self._forget(self._cache[key].id_token)

    def _forget(self, id_token: IdToken) -> None:
        if self._cache.pop(id_token.value.casefold(), None) is not None:
            self._database.submit(lambda connection: authorization_cache.delete(connection, id_token), _log_failure)

    def _policy(self) -> AuthorizationPolicy:
        return AuthorizationPolicy(
            cache_enabled=self._model.boolean("AuthCacheCtrlr", "Enabled"),
            local_pre_authorize=self._model.boolean("AuthCtrlr", "LocalPreAuthorize"),
            local_authorize_offline=self._model.boolean("AuthCtrlr", "LocalAuthorizeOffline"),
            offline_unknown_accepted=self._model.boolean("AuthCtrlr", "OfflineTxForUnknownIdEnabled"),
            list_enabled=self.list_enabled,
        )


def _load_cache(connection: sqlite3.Connection) -> list[CachedAuthorization]:
    authorization_cache.trim(connection, MAX_CACHED)
    return authorization_cache.load(connection)


def _log_conflict(conflict: ListConflict) -> None:
    logger.warning(
        "local list and back-end disagree token=%r list=%s told=%s",
        conflict.id_token,
        conflict.listed.status.value,
        conflict.told.status.value,
    )


def _log_failure(error: StoreError) -> None:
    logger.warning("authorisation cache not stored error=%s", error)
