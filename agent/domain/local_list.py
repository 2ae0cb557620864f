"""The local authorisation list: what an update is, and which updates are refused before anything is touched.

Source: OCPP 1.6 sections 3.5.2, 5.10 and 5.15; OCPP 2.0.1 part 2, D01 and D02.
"""

from enum import Enum
from typing import Final

from agent.domain.vocabulary import Authorization, IdToken
from hal.value import dataclass

MAX_ENTRIES: Final = 10_000
"""Of the list, and of one update."""
EMPTY_VERSION: Final = 0
"""Version of an empty list, whatever the update that emptied it was called (1.6 section 5.10)."""


class UpdateKind(Enum):
    """UpdateEnumType."""

    FULL = "Full"
    DIFFERENTIAL = "Differential"


class UpdateOutcome(Enum):
    """SendLocalListStatusEnumType."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    VERSION_MISMATCH = "VersionMismatch"


@dataclass(frozen=True, slots=True)
class ListEntry:
    """What an update says of one token; None: it is no longer listed."""

    id_token: IdToken
    authorization: Authorization | None


@dataclass(frozen=True, slots=True)
class ListUpdate:
    """A whole new list, or changes of the present one, and the version that the list has afterwards."""

    kind: UpdateKind
    version: int
    entries: tuple[ListEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class ListConflict:
    """A back-end said of a listed token what the list does not."""

    id_token: IdToken
    listed: Authorization
    told: Authorization


class UpdateRefusedError(Exception):
    """An update cannot be taken; the list stays as it is."""

    def __init__(self, outcome: UpdateOutcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


def check_update(update: ListUpdate) -> None:
    """Check what needs no look at the present list. Raises: UpdateRefusedError.

    Versions below 1 have a meaning of their own (1.6 section 5.10): 0 is taken for an empty list alone.
    """
    if len(update.entries) > MAX_ENTRIES:
        raise _failed(f"more than {MAX_ENTRIES} entries")
    if len({entry.id_token.value.casefold() for entry in update.entries}) != len(update.entries):
        raise _failed("a token is given twice")
    if update.kind is UpdateKind.DIFFERENTIAL:
        return
    if any(entry.authorization is None for entry in update.entries):
        raise _failed("an entry of a full list says nothing of its token")
    if update.version < EMPTY_VERSION or (update.version == EMPTY_VERSION and update.entries):
        raise _failed(f"version {update.version} cannot be that of a list")


def check_version(update: ListUpdate, present: int) -> None:
    """Changes must lead to a version above the present one. Raises: UpdateRefusedError."""
    if update.kind is UpdateKind.DIFFERENTIAL and update.version <= present:
        reason = f"changes lead to version {update.version}, the list has {present}"
        raise UpdateRefusedError(UpdateOutcome.VERSION_MISMATCH, reason)


def check_length(entries: int) -> None:
    """Check how long the list has become. Raises: UpdateRefusedError."""
    if entries > MAX_ENTRIES:
        raise _failed(f"the list would have {entries} entries, {MAX_ENTRIES} are kept")


def _failed(reason: str) -> UpdateRefusedError:
    return UpdateRefusedError(UpdateOutcome.FAILED, reason)
