"""Who may charge, with and without a back-end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.clock import Instant
from agent.domain.device_model import DeviceModel
from agent.domain.facts import Sample
from agent.domain.local_list import ListConflict, ListEntry, ListUpdate, UpdateKind, UpdateOutcome
from agent.domain.session_state import EvseStatus
from agent.domain.variable import VariableKey
from agent.domain.variables.station import EvseDescription, StationDescription, station_definitions
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken
from agent.station import authorizer as authorizer_module
from agent.station.authorizer import Authorizer
from agent.station.back_end import BackEndUnreachableError
from agent.store import authorization_cache
from agent.store.authorization_cache import CachedAuthorization
from agent.store.database import Database

TOKEN = IdToken("04A1B2C3")
ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED)
BLOCKED = Authorization(AuthorizationStatus.BLOCKED)


class SteeredClock:
    utc = datetime(2026, 5, 1, tzinfo=UTC)

    def now(self) -> Instant:
        return Instant(asyncio.get_running_loop().time(), self.utc)

    def learn_utc(self, utc: datetime) -> timedelta:
        return utc - self.utc


class BackEndInTown:
    """Answers, or is out of reach."""

    is_online = True
    reachable = True
    answer = ACCEPTED

    def __init__(self) -> None:
        self.asked: list[IdToken] = []

    async def authorize(self, id_token: IdToken) -> Authorization:
        self.asked.append(id_token)
        if not self.reachable:
            raise BackEndUnreachableError
        return self.answer

    def publish_status(self, status: EvseStatus) -> None:
        raise AssertionError(status)

    def publish_sample(self, evse_id: int, sample: Sample) -> None:
        raise AssertionError((evse_id, sample))

    def publish_list_conflict(self, conflict: ListConflict) -> None:
        raise AssertionError(conflict)


class Town:
    def __init__(self, database: Database, **settings: str) -> None:
        description = StationDescription(
            "Vendor", "Model", "1", "1.0", "BENCH-1", 0, (EvseDescription(1, "cType2", 3, 22080),), 3
        )
        self.model = DeviceModel(station_definitions(description))
        for name, value in settings.items():
            component, _, variable = name.partition("_")
            self.model.preset(VariableKey(component, variable), value)
        self.clock = SteeredClock()
        self.database = database
        self.back_end = BackEndInTown()
        self.authorizer = Authorizer(database, self.model, self.clock)

    async def may(self, id_token: IdToken = TOKEN) -> bool:
        return (await self.authorizer.authorize(id_token, self.back_end)).accepted


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(tmp_path / "station.sqlite")
    await opened.open()
    yield opened
    await opened.close()


CACHED = {"AuthCacheCtrlr_Enabled": "true", "AuthCtrlr_LocalPreAuthorize": "true"}


async def test_a_known_token_is_asked_about_once_and_then_never_again(database: Database) -> None:
    town = Town(database, **CACHED)
    await town.authorizer.open()
    assert await town.may()
    assert await town.may(IdToken(TOKEN.value.lower()))
    assert town.back_end.asked == [TOKEN]


async def test_without_pre_authorisation_the_back_end_has_the_word(database: Database) -> None:
    town = Town(database, AuthCacheCtrlr_Enabled="true", AuthCtrlr_LocalPreAuthorize="false")
    assert await town.may()
    town.back_end.answer = BLOCKED
    assert not await town.may()
    assert len(town.back_end.asked) == 2


async def test_a_refusal_is_remembered_and_takes_the_place_of_an_acceptance(database: Database) -> None:
    town = Town(database, AuthCtrlr_LocalAuthorizeOffline="true", **CACHED)
    assert await town.may()
    town.authorizer.learn(TOKEN, BLOCKED)
    town.back_end.is_online = False
    assert not await town.may()


@pytest.mark.parametrize("online", [True, False])
async def test_out_of_reach_the_cache_decides_where_that_is_allowed(database: Database, online: bool) -> None:
    town = Town(database, AuthCacheCtrlr_Enabled="true", AuthCtrlr_LocalPreAuthorize="false")
    town.model.preset(VariableKey("AuthCtrlr", "LocalAuthorizeOffline"), "true")
    assert await town.may()
    town.back_end.is_online, town.back_end.reachable = online, False
    assert await town.may()
    assert not await town.may(IdToken("04FFFFFF"))


async def test_out_of_reach_an_unknown_token_may_charge_only_if_that_is_configured(database: Database) -> None:
    town = Town(database, AuthCtrlr_OfflineTxForUnknownIdEnabled="true", AuthCacheCtrlr_Enabled="false")
    town.back_end.reachable = False
    assert await town.may()


async def test_a_cached_token_lapses_after_its_lifetime(database: Database) -> None:
    town = Town(database, AuthCacheCtrlr_LifeTime="3600", **CACHED)
    assert await town.may()
    town.clock.utc += timedelta(seconds=3599)
    assert await town.may()
    town.clock.utc += timedelta(seconds=1)
    assert await town.may()
    assert len(town.back_end.asked) == 2


async def test_the_cache_outlives_a_restart_until_it_is_cleared(database: Database) -> None:
    town = Town(database, **CACHED)
    assert await town.may()
    again = Town(database, **CACHED)
    await again.authorizer.open()
    assert await again.may()
    assert not again.back_end.asked
    assert again.authorizer.clear()
    assert await again.may()
    assert len(again.back_end.asked) == 1


async def test_a_cache_that_is_switched_off_learns_nothing_and_cannot_be_cleared(database: Database) -> None:
    town = Town(database, AuthCacheCtrlr_Enabled="false", AuthCtrlr_LocalPreAuthorize="true")
    assert await town.may()
    assert await town.may()
    assert len(town.back_end.asked) == 2
    assert not town.authorizer.clear()


async def test_the_cache_keeps_the_latest_and_forgets_the_oldest(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorizer_module, "MAX_CACHED", 3)
    town = Town(database, **CACHED)
    for number in range(5):
        assert await town.may(IdToken(f"CARD{number}"))
    town.back_end.asked.clear()
    assert await town.may(IdToken("CARD4"))
    assert not town.back_end.asked
    assert await town.may(IdToken("CARD0"))
    assert town.back_end.asked == [IdToken("CARD0")]


def names(entries: list[CachedAuthorization]) -> list[str]:
    return [entry.id_token.value for entry in entries]


async def test_a_full_cache_forgets_what_is_not_valid_before_what_is_old(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OCPP 1.6 section 3.5.1; and the store forgets the same."""
    monkeypatch.setattr(authorizer_module, "MAX_CACHED", 3)
    town = Town(database, **CACHED)
    expiring = Authorization(AuthorizationStatus.ACCEPTED, expires_at=town.clock.utc + timedelta(seconds=5))
    for card, told in (("OLD", ACCEPTED), ("BAD", BLOCKED), ("EXPIRING", expiring)):
        town.authorizer.learn(IdToken(card), told)
        town.clock.utc += timedelta(seconds=1)
    town.authorizer.learn(IdToken("NEW"), ACCEPTED)
    assert set(names(await database.run(authorization_cache.load))) == {"old", "expiring", "new"}
    town.clock.utc += timedelta(seconds=5)
    town.authorizer.learn(IdToken("NEWER"), ACCEPTED)
    assert set(names(await database.run(authorization_cache.load))) == {"old", "new", "newer"}


async def test_what_was_used_lately_stays_in_a_full_cache(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizer_module, "MAX_CACHED", 2)
    town = Town(database, **CACHED)
    for card in ("FIRST", "SECOND"):
        assert await town.may(IdToken(card))
    assert await town.may(IdToken("FIRST"))
    assert await town.may(IdToken("THIRD"))
    assert set(names(await database.run(authorization_cache.load))) == {"first", "third"}


async def test_a_refusal_while_the_cache_is_off_is_not_forgotten_when_it_is_on_again(database: Database) -> None:
    town = Town(database, **CACHED)
    enabled = VariableKey("AuthCacheCtrlr", "Enabled")
    assert await town.may()
    town.model.set(enabled, "false")
    town.authorizer.learn(TOKEN, BLOCKED)
    town.model.set(enabled, "true")
    town.back_end.is_online = False
    assert not await town.may()


async def list_of(town: Town, **told: Authorization) -> None:
    entries = tuple(ListEntry(IdToken(token), authorization) for token, authorization in told.items())
    outcome = await town.authorizer.local_list.update(ListUpdate(UpdateKind.FULL, 1, entries))
    assert outcome is UpdateOutcome.ACCEPTED


@pytest.mark.parametrize("online", [True, False])
async def test_a_listed_token_starts_without_a_question(database: Database, online: bool) -> None:
    """OCPP 1.6 section 9.1: LocalPreAuthorize, LocalAuthorizeOffline."""
    town = Town(database)
    await list_of(town, **{TOKEN.value.lower(): ACCEPTED})
    town.back_end.is_online = online
    assert await town.may()
    assert not town.back_end.asked


@pytest.mark.parametrize(
    "listed", [BLOCKED, Authorization(AuthorizationStatus.ACCEPTED, expires_at=datetime(2026, 4, 30, tzinfo=UTC))]
)
async def test_offline_the_list_beats_the_cache_and_the_licence_for_the_unknown(
    database: Database, listed: Authorization
) -> None:
    """OCPP 1.6 sections 3.5.3 and 3.5.4."""
    town = Town(database, AuthCtrlr_OfflineTxForUnknownIdEnabled="true", **CACHED)
    assert await town.may()
    await list_of(town, **{TOKEN.value: listed})
    town.back_end.is_online = False
    assert not await town.may()
    assert await town.may(IdToken("04FFFFFF"))
    town.model.set(VariableKey("LocalAuthListCtrlr", "Enabled"), "false")
    assert await town.may()


async def test_online_a_refused_entry_is_asked_about_and_the_conflict_told(database: Database) -> None:
    town = Town(database, **CACHED)
    await list_of(town, **{TOKEN.value: BLOCKED})
    conflicts: list[ListConflict] = []
    town.authorizer.on_conflict(conflicts.append)
    assert await town.may()
    assert conflicts == [ListConflict(TOKEN, BLOCKED, ACCEPTED)]
    town.back_end.reachable = False
    assert not await town.may()


async def test_a_listed_token_is_never_cached(database: Database) -> None:
    """OCPP 1.6 section 3.5.3."""
    town = Town(database, **CACHED)
    assert await town.may()
    await list_of(town, **{TOKEN.value: ACCEPTED})
    town.authorizer.learn(TOKEN, ACCEPTED)
    assert await database.run(authorization_cache.load) == []


async def test_list_and_cache_tell_the_group_of_a_token_that_they_know(database: Database) -> None:
    """OCPP 1.6 section 5.13."""
    town = Town(database, **CACHED)
    group = IdToken("FLEET")
    await list_of(town, LISTED=Authorization(AuthorizationStatus.ACCEPTED, group))
    town.authorizer.learn(IdToken("CACHED"), Authorization(AuthorizationStatus.ACCEPTED, group))
    told = [town.authorizer.group_of(IdToken(name)) for name in ("listed", "cached", "other")]
    assert [None if each is None else each.value for each in told] == ["FLEET", "FLEET", None]
