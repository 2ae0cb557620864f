"""Owns the local authorisation list: in memory for looking up, in the store for ever.

A lookup is one look into a dictionary. An update is checked and written by the store's writer; the loop goes on
meanwhile with the old list, and takes the new one once it is durable.
"""

import logging
import sqlite3
from functools import partial

from agent.domain.local_list import (
    EMPTY_VERSION,
    ListEntry,
    ListUpdate,
    UpdateKind,
    UpdateOutcome,
    UpdateRefusedError,
    check_length,
    check_update,
    check_version,
)
from agent.domain.vocabulary import Authorization, IdToken
from agent.store import local_list
from agent.store.database import Database
from agent.store.errors import StoreError
from hal.value import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Applied:
    """What the writer has stored."""

    version: int
    listed: dict[str, Authorization]
    removed: tuple[str, ...]


class LocalList:
    """The list of one station."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._entries: dict[str, Authorization] = {}
        self.version = EMPTY_VERSION

    async def open(self) -> None:
        """Load the list. Raises: StoreError."""
        self._entries, self.version = await self._database.run(
            lambda connection: (local_list.load(connection), local_list.version(connection))
        )

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, id_token: IdToken) -> Authorization | None:
        """What the list says of this token; None: it is not listed."""
        return self._entries.get(id_token.value.casefold())

    async def update(self, update: ListUpdate) -> UpdateOutcome:
        """Take an update; unless it is accepted, the list is as it was."""
        try:
            check_update(update)
            applied = await self._database.run(partial(_apply, update=update))
        except UpdateRefusedError as refused:
            logger.warning("local list not updated version=%d reason=%s", update.version, refused)
            return refused.outcome
        except StoreError as error:
            logger.error("local list not stored version=%d error=%s", update.version, error)  # noqa: TRY400 - the store's
            return UpdateOutcome.FAILED
        if update.kind is UpdateKind.FULL:
            self._entries = applied.listed
        else:
            self._entries.update(applied.listed)
            for token in applied.removed:
                self._entries.pop(token, None)
        self.version = applied.version
        logger.info("local list updated version=%d entries=%d", self.version, len(self._entries))
        return UpdateOutcome.ACCEPTED


def _apply(connection: sqlite3.Connection, update: ListUpdate) -> _Applied:
    """On the writer, within one transaction. Raises: UpdateRefusedError, which undoes it."""
    check_version(update, local_list.version(connection))
    if update.kind is UpdateKind.FULL:
        local_list.clear(connection)
    removed = [entry for entry in update.entries if entry.authorization is None]
    local_list.put(connection, update.entries)
    local_list.remove(connection, removed)
    entries = local_list.count(connection)
    check_length(entries)
    version = update.version if entries else EMPTY_VERSION
    local_list.put_version(connection, version)
    return _Applied(version, _listed(update.entries), tuple(entry.id_token.value.casefold() for entry in removed))


def _listed(entries: tuple[ListEntry, ...]) -> dict[str, Authorization]:
    return {
        entry.id_token.value.casefold(): entry.authorization for entry in entries if entry.authorization is not None
    }
