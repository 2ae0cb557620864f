"""Domain values as OCPP 2.0.1 writes them, and back."""

from datetime import UTC, datetime

from agent.csms.adapter import Payload, RpcError, RpcErrorCode
from agent.domain.vocabulary import Authorization, AuthorizationStatus, IdToken, IdTokenType

CONNECTOR_ID = 1
"""Every EVSE has one connector."""
REASON_CHARS = 512
_STATUSES = {status.value: status for status in AuthorizationStatus}


def timestamp(at: datetime) -> str:
    """Write RFC 3339 UTC with milliseconds and Z."""
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text[:-6] + "Z"


def read_timestamp(text: str) -> datetime:
    """Read RFC 3339. Raises: RpcError for what no clock shows (a leap second, say)."""
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise RpcError(RpcErrorCode.FORMAT_VIOLATION, "not a date-time that can be used") from None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the first or last day of the calendar: what some back-ends write for "never"
        return moment.replace(tzinfo=UTC)


def id_token(token: IdToken) -> Payload:
    """IdTokenType."""
    return {"idToken": token.value, "type": token.token_type.value}


def read_id_token(payload: Payload) -> IdToken:
    """Read a schema-checked IdTokenType."""
    return IdToken(payload["idToken"], IdTokenType(payload["type"]))


def read_id_token_info(payload: Payload) -> Authorization:
    """Read a schema-checked IdTokenInfoType; a status that the domain does not know refuses."""
    group = payload.get("groupIdToken")
    expires = payload.get("cacheExpiryDateTime")
    return Authorization(
        _STATUSES.get(payload["status"], AuthorizationStatus.INVALID),
        None if group is None else read_id_token(group),
        None if expires is None else read_timestamp(expires),
    )


def evse(evse_id: int) -> Payload:
    """EVSEType of our one connector."""
    return {"id": evse_id, "connectorId": CONNECTOR_ID}


def answer(status: str, reason_code: str = "", reason: str = "") -> Payload:
    """Write `status`, with StatusInfoType where there is something to say.

    Source: OCPP 2.0.1 part 2, appendices, standardised reason codes.
    """
    if not reason_code:
        return {"status": status}
    info = {"reasonCode": reason_code}
    if reason:
        info["additionalInfo"] = reason[:REASON_CHARS]
    return {"status": status, "statusInfo": info}
