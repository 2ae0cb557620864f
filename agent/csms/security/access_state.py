"""What a back-end has changed of the way in which this station reaches it: kept settings and those on trial (value).

Kept per back-end and only over the configuration they were made for: an installer who writes other settings wins.
"""

import json
import re
from dataclasses import asdict, field
from enum import Enum

from hal.value import dataclass

_HEX_KEY = re.compile(r"(?:[0-9A-Fa-f]{2}){16,20}")
_SHORTEST, _LONGEST = 16, 40


class PasswordForm(Enum):
    """How the text of a password goes into the header of basic authentication."""

    TEXT = "text"
    """As it is, in UTF-8."""
    HEX = "hex"
    """As the bytes that it names."""


@dataclass(frozen=True, slots=True)
class Password:
    """A secret."""

    text: str = field(repr=False)
    form: PasswordForm = PasswordForm.TEXT

    @property
    def on_wire(self) -> str | bytes:
        """What stands behind the colon of basic authentication."""
        return self.text if self.form is PasswordForm.TEXT else bytes.fromhex(self.text)


def read_authorization_key(key: str, *, hex_alone: bool) -> tuple[Password, ...]:
    """Return what an AuthorizationKey may mean, the likeliest first; empty if it is not acceptable.

    Source: white paper, edition 3: 16 to 20 bytes as hexadecimal digits, decoded for the header. Some back-ends send
    such digits and expect them undecoded; some send plain text, which is taken only if not `hex_alone`.
    """
    if _HEX_KEY.fullmatch(key):
        return Password(key, PasswordForm.HEX), Password(key)
    is_text = not hex_alone and _SHORTEST <= len(key) <= _LONGEST and key.isprintable()
    return (Password(key),) if is_text else ()


@dataclass(frozen=True, slots=True)
class AccessState:
    """What holds for one back-end in place of its configuration; None: what is configured."""

    basis: str = ""
    """Fingerprint of the configuration under this."""
    security_profile: int | None = None
    password: Password | None = None
    trial_profile: int | None = None
    trial_passwords: tuple[Password, ...] = ()
    """One of them is right, if any is."""

    @property
    def on_trial(self) -> bool:
        """True while something waits to be connected with."""
        return self.trial_profile is not None or bool(self.trial_passwords)


def basis_of(*settings: object) -> str:
    """Return a fingerprint of what is configured, which tells nothing of a password in it."""
    import hashlib  # noqa: PLC0415 - only where something was ever changed

    return hashlib.sha256(repr(settings).encode()).hexdigest()


def to_json(states: dict[str, AccessState]) -> str:
    """Write the states of all back-ends."""
    return json.dumps({name: asdict(state) for name, state in states.items()}, default=lambda each: each.value)


def from_json(text: str) -> dict[str, AccessState]:
    """Read them. Raises: ValueError."""
    try:
        return {str(name): _state(raw) for name, raw in json.loads(text).items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not of the expected form: {error}") from error


def _state(raw: dict[str, object]) -> AccessState:
    passwords = raw["trial_passwords"]
    if not isinstance(passwords, list):
        raise TypeError("trial_passwords is no list")
    return AccessState(
        str(raw["basis"]),
        _number(raw["security_profile"]),
        _password(raw["password"]),
        _number(raw["trial_profile"]),
        tuple(known for each in passwords if (known := _password(each)) is not None),
    )


def _number(raw: object) -> int | None:
    return raw if isinstance(raw, int) else None


def _password(raw: object) -> Password | None:
    return Password(str(raw["text"]), PasswordForm(raw["form"])) if isinstance(raw, dict) else None
