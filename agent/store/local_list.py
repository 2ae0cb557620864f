"""The local authorisation list: its entries and, in the meta table, its version. Tokens are keyed without case.

An update is one transaction: a power cut leaves the old list with its version, or the new one, whole.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Final

from agent.domain.local_list import EMPTY_VERSION, ListEntry
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType
from agent.store import meta

Columns = tuple[str, str, str, str | None, str | None, str | None]
_VERSION: Final = "local_list_version"


def version(connection: sqlite3.Connection) -> int:
    """Version of the stored list."""
    return int(meta.get(connection, _VERSION) or EMPTY_VERSION)


def put_version(connection: sqlite3.Connection, number: int) -> None:
    """Keep the version."""
    meta.put(connection, _VERSION, str(number))


def count(connection: sqlite3.Connection) -> int:
    """How many tokens are listed."""
    return int(connection.execute("SELECT count(*) FROM local_list").fetchone()[0])


def clear(connection: sqlite3.Connection) -> None:
    """Forget all."""
    connection.execute("DELETE FROM local_list")


def put(connection: sqlite3.Connection, entries: Iterable[ListEntry]) -> None:
    """List these tokens, in place of what was said of them; those without an authorisation are passed over."""
    connection.executemany("INSERT OR REPLACE INTO local_list VALUES (?, ?, ?, ?, ?, ?)", _rows(entries))


def remove(connection: sqlite3.Connection, entries: Iterable[ListEntry]) -> None:
    """Take these tokens off the list."""
    connection.executemany(
        "DELETE FROM local_list WHERE token = ?", ((entry.id_token.value.casefold(),) for entry in entries)
    )


def load(connection: sqlite3.Connection) -> dict[str, Authorization]:
    """Every entry by its token in folded case; equal authorisations are one object, so that many entries are small."""
    authorization = cache(_authorization)
    found = connection.execute("SELECT token, status, group_token, group_type, expires_at FROM local_list")
    return {token: authorization(*columns) for token, *columns in found}


def _rows(entries: Iterable[ListEntry]) -> Iterator[Columns]:
    for entry in entries:
        told = entry.authorization
        if told is not None:
            group, expires_at = told.group_token, told.expires_at
            yield (
                entry.id_token.value.casefold(),
                entry.id_token.token_type.value,
                told.status.value,
                None if group is None else group.value,
                None if group is None else group.token_type.value,
                None if expires_at is None else expires_at.isoformat(),
            )


def _authorization(
    status: str, group_token: str | None, group_type: str | None, expires_at: str | None
) -> Authorization:
    return Authorization(
        AuthorizationStatus(status),
        None if group_token is None else IdToken(group_token, IdTokenType(group_type)),
        None if expires_at is None else datetime.fromisoformat(expires_at),
    )
