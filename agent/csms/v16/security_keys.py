"""SecurityProfile and AuthorizationKey: keys whose change is tried by connecting anew, after the answer.

Source: "Improved security for OCPP 1.6-J", edition 3: use cases A01 and A05, and the table of configuration keys.
"""

import re
from collections.abc import Awaitable, Callable

from agent.csms.security.commands import SecurityCommands
from hal.value import dataclass

_PROFILE = re.compile(r"[0-3]")


@dataclass(frozen=True, slots=True)
class SpecialKey:
    """A key that is no view of a variable."""

    read: Callable[[], str | None]
    """None: it cannot be read."""
    change: Callable[[str], Awaitable[str | None]]
    """Returns why not. Raises: OSError if it cannot be stored."""
    follow_up: Callable[[], None]
    """What is done once the answer to an accepted change is on the wire."""


def security_keys(security: SecurityCommands) -> dict[str, SpecialKey]:
    """The keys, with `security` behind them."""

    async def change_profile(value: str) -> str | None:
        if _PROFILE.fullmatch(value.strip()) is None:
            return "it is none of 0, 1, 2 and 3"
        return await security.change_security_profile(int(value))

    return {
        "AuthorizationKey": SpecialKey(lambda: None, security.change_authorization_key, security.try_now),
        "SecurityProfile": SpecialKey(lambda: str(security.security_profile), change_profile, security.try_now),
    }
