"""Value: which id tokens the CSMS knows. Identifiers compare without case, as in both versions of OCPP."""

from dataclasses import dataclass
from typing import Any

V16_STATUSES = frozenset({"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"})


@dataclass(frozen=True, slots=True)
class Token:
    """What is answered for one id token."""

    status: str = "Accepted"
    parent: str | None = None
    """1.6 parentIdTag, 2.0.1 groupIdToken."""
    expiry: str | None = None
    """RFC 3339; 1.6 expiryDate, 2.0.1 cacheExpiryDateTime."""


class TokenTable:
    """Tokens by name; every other token has the default."""

    def __init__(self) -> None:
        self.default = Token()
        self._tokens: dict[str, Token] = {}

    def __setitem__(self, id_token: str, token: Token | str) -> None:
        self._tokens[id_token.upper()] = Token(token) if isinstance(token, str) else token

    def __getitem__(self, id_token: str) -> Token:
        return self._tokens.get(id_token.upper(), self.default)

    def __delitem__(self, id_token: str) -> None:
        self._tokens.pop(id_token.upper(), None)

    def id_tag_info(self, id_tag: str) -> dict[str, Any]:
        """1.6 IdTagInfo; statuses that 1.6 does not know become Invalid."""
        token = self[id_tag]
        info = {"status": token.status if token.status in V16_STATUSES else "Invalid"}
        if token.parent is not None:
            info["parentIdTag"] = token.parent
        if token.expiry is not None:
            info["expiryDate"] = token.expiry
        return info

    def id_token_info(self, id_token: str) -> dict[str, Any]:
        """2.0.1 IdTokenInfoType."""
        token = self[id_token]
        info: dict[str, Any] = {"status": token.status}
        if token.parent is not None:
            info["groupIdToken"] = {"idToken": token.parent, "type": "Central"}
        if token.expiry is not None:
            info["cacheExpiryDateTime"] = token.expiry
        return info
