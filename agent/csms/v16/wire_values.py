"""Domain values as OCPP 1.6 writes them, and back. Source: OCPP 1.6 section 7 (types)."""

from datetime import UTC, datetime

from agent.csms.adapter import Payload
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType

STATION = 0
"""connectorId of the station as a whole."""
ID_TAG_CHARS = 20
INFO_CHARS = 50
"""Of `info` and `vendorErrorCode`; longer ones break peers in the field."""
_STATUSES = {status.value: status for status in AuthorizationStatus}


def timestamp(at: datetime) -> str:
    """Write RFC 3339 UTC with milliseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def read_timestamp(text: str) -> datetime:
    """Read a schema-checked RFC 3339 time; a leap second is the second before it.

    Raises: ValueError for the year 0.
    """
    moment = datetime.fromisoformat(text.upper().replace(":60", ":59"))
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar: what some back-ends write for "never"
        return moment.replace(tzinfo=UTC)


def id_tag(token: IdToken) -> str | None:
    """Write an idTag (CiString20); None if this token does not fit one."""
    return token.value if len(token.value) <= ID_TAG_CHARS else None


def read_id_tag(text: str) -> IdToken:
    """Read an idTag of the back-end; 1.6 does not say of which kind it is."""
    return IdToken(text, IdTokenType.CENTRAL)


def read_id_tag_info(info: Payload) -> Authorization:
    """Read a schema-checked IdTagInfo.

    Never fails: its message has been dealt with, and asking again would begin a second transaction.
    """
    parent = info.get("parentIdTag")
    expires = info.get("expiryDate")
    return Authorization(
        _STATUSES.get(info["status"], AuthorizationStatus.INVALID),
        read_id_tag(parent) if parent else None,
        None if expires is None else _read_expiry(expires),
    )


def _read_expiry(text: str) -> datetime:
    try:
        return read_timestamp(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)  # not proven to be valid at any time
