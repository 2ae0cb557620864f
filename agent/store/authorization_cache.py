"""The authorisation cache: what a back-end last said of each token. Tokens are keyed without regard to case."""

import sqlite3
from datetime import datetime

from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType
from hal.value import dataclass


@dataclass(frozen=True, slots=True)
class CachedAuthorization:
    """One entry."""

    id_token: IdToken
    authorization: Authorization
    used_at: datetime


def put(connection: sqlite3.Connection, entry: CachedAuthorization) -> None:
    """Keep what was said of a token, in place of what was said before."""
    group = entry.authorization.group_token
    expires_at = entry.authorization.expires_at
    connection.execute(
        "INSERT OR REPLACE INTO authorization_cache (token, token_type, status, group_token, group_type, expires_at,"
        " used_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            entry.id_token.value.casefold(),
            entry.id_token.token_type.value,
            entry.authorization.status.value,
            group and group.value,
            group and group.token_type.value,
            expires_at and expires_at.isoformat(),
            entry.used_at.isoformat(),
        ),
    )


def delete(connection: sqlite3.Connection, id_token: IdToken) -> None:
    """Forget one token."""
    connection.execute("DELETE FROM authorization_cache WHERE token = ?", (id_token.value.casefold(),))


def clear(connection: sqlite3.Connection) -> None:
    """Forget all."""
    connection.execute("DELETE FROM authorization_cache")


def trim(connection: sqlite3.Connection, keep: int) -> int:
    """Forget the least recently used beyond `keep` entries; returns how many."""
    return connection.execute(
        "DELETE FROM authorization_cache WHERE token IN"
        " (SELECT token FROM authorization_cache ORDER BY used_at DESC LIMIT -1 OFFSET ?)",
        (keep,),
    ).rowcount


def load(connection: sqlite3.Connection) -> list[CachedAuthorization]:
    """Every entry, most recently used first; token values are in folded case."""
    found = connection.execute(
        "SELECT token, token_type, status, group_token, group_type, expires_at, used_at FROM authorization_cache"
        " ORDER BY used_at DESC"
    )
    return [_entry(*row) for row in found]


def _entry(
    token: str,
    token_type: str,
    status: str,
    group_token: str | None,
    group_type: str | None,
    expires_at: str | None,
    used_at: str,
) -> CachedAuthorization:
    return CachedAuthorization(
        IdToken(token, IdTokenType(token_type)),
        Authorization(
            AuthorizationStatus(status),
            None if group_token is None else IdToken(group_token, IdTokenType(group_type)),
            None if expires_at is None else datetime.fromisoformat(expires_at),
        ),
        datetime.fromisoformat(used_at),
    )
