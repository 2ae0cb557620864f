"""What can go wrong with a transfer, by what the caller can do or must say about it."""

from enum import Enum


class Failure(Enum):
    """Why a transfer failed."""

    UNREACHABLE = "unreachable"
    """No connection, or it went in the middle."""
    UNTRUSTED = "untrusted"
    """The other side could not prove who it is."""
    DENIED = "denied"
    """Wrong or missing credentials, or no right to this file."""
    MISSING = "missing"
    """No such file or directory there."""
    NOT_SUPPORTED = "not_supported"
    """A scheme or a method that one of the sides does not know."""
    BAD_REQUEST = "bad_request"
    """The other side takes our request for wrong."""
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    DAMAGED = "damaged"
    """What arrived is not what was announced."""
    REFUSED = "refused"
    """Any other refusal of the other side."""


_FINAL = frozenset({Failure.NOT_SUPPORTED, Failure.TOO_LARGE})


class TransferError(Exception):
    """A transfer failed; the text is one sentence without credentials."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(text)
        self.failure = failure

    @property
    def is_final(self) -> bool:
        """True where another try can bring nothing else."""
        return self.failure in _FINAL
