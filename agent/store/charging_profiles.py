"""The charging_profiles table: what holds until somebody clears it. Profiles of a transaction do not stand here."""

import logging
import sqlite3
from collections.abc import Iterable
from typing import cast

from agent.domain.charging_profile import ChargingProfile
from agent.store.errors import StoreError
from agent.store.json_codec import decode, encode

logger = logging.getLogger(__name__)


def change(connection: sqlite3.Connection, removed: Iterable[int], added: ChargingProfile | None) -> None:
    """Remove profiles by id and keep another, both or neither (one operation of the writer)."""
    connection.executemany("DELETE FROM charging_profiles WHERE profile_id = ?", [(each,) for each in removed])
    if added is not None:
        connection.execute(
            "INSERT OR REPLACE INTO charging_profiles (profile_id, profile) VALUES (?, ?)",
            (added.profile_id, encode(added)),
        )


def load(connection: sqlite3.Connection) -> tuple[ChargingProfile, ...]:
    """Return every profile; one that cannot be read stays where it is, without effect, and is said so."""
    profiles = []
    for profile_id, text in connection.execute("SELECT profile_id, profile FROM charging_profiles ORDER BY profile_id"):
        try:
            profiles.append(cast("ChargingProfile", decode(text, ChargingProfile)))
        except StoreError:
            logger.exception("charging profile cannot be read and limits nothing id=%d", profile_id)
    return tuple(profiles)
