"""Rule: one line of the security log, chained to the line before it.

A line is one JSON object whose last member, `chain`, is the SHA-256 of the chain before it and of all bytes of the line
up to it. The line's end has one spelling, so every byte of it is either hashed or compared.
"""

import json
import re
from datetime import datetime

from agent.domain.security_event import ClockQuality, SecurityEvent, SecurityEventType
from hal.value import dataclass

GENESIS = "0" * 64
"""The chain before line 1."""
MAX_LINE_BYTES = 4096
"""Far longer than any line of ours: 255 characters take at most 12 bytes each in JSON."""
_CHAIN = re.compile(rb'(\{"seq":([1-9][0-9]{0,17}),.*),"chain":"([0-9a-f]{64})"\}\n', re.DOTALL)


class BadLineError(Exception):
    """Bytes that this software has not written as a line."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where the log stands after a line: its number and its chain."""

    seq: int
    chain: str

    def to_text(self) -> str:
        """Write it for the anchor."""
        return f"{self.seq} {self.chain}"


BEGINNING = Link(0, GENESIS)


@dataclass(frozen=True, slots=True)
class ChainedLine:
    """What of a line proves its place."""

    link: Link
    body: bytes


def link_of(text: str | None) -> Link | None:
    """Read an anchor; None if there is none or it is not one."""
    seq, _, chain = (text or "").partition(" ")
    return Link(int(seq), chain) if seq.isdecimal() and len(chain) == len(GENESIS) else None


def line_of(event: SecurityEvent, before: Link) -> tuple[bytes, Link]:
    """Write the line that follows `before`."""
    plain = {
        "seq": before.seq + 1,
        "at": event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "clock": event.clock.value,
        "type": event.type.value,
        "info": event.tech_info,
    }
    body = json.dumps(plain, separators=(",", ":")).removesuffix("}").encode("ascii")
    link = Link(before.seq + 1, chain_of(before.chain, body))
    return b'%b,"chain":"%b"}\n' % (body, link.chain.encode("ascii")), link


def read_line(line: bytes) -> ChainedLine:
    """Take a line apart, its end of line included. Raises: BadLineError."""
    found = _CHAIN.fullmatch(line)
    if found is None:
        raise BadLineError("not a line of the security log")
    return ChainedLine(Link(int(found[2]), found[3].decode("ascii")), found[1])


def follows(line: ChainedLine, before: Link) -> bool:
    """Tell whether this line was written right after `before`."""
    return line.link.seq == before.seq + 1 and line.link.chain == chain_of(before.chain, line.body)


def chain_of(before: str, body: bytes) -> str:
    """The chain of a line with this body."""
    from hashlib import sha256  # noqa: PLC0415 - on the writer's thread, not at the start

    return sha256(before.encode("ascii") + body).hexdigest()


def event_of(body: bytes) -> SecurityEvent | None:
    """Read what a line's body tells; None if its type is none of ours (a newer firmware's)."""
    try:
        told = json.loads(body + b"}")
        at = datetime.fromisoformat(told["at"])
        return SecurityEvent(SecurityEventType(told["type"]), at, told["info"], ClockQuality(told["clock"]))
    except (ValueError, KeyError, TypeError):
        return None


def time_of(line: bytes) -> datetime | None:
    """When it happened; None if the line does not tell."""
    try:
        return datetime.fromisoformat(json.loads(line)["at"])
    except (ValueError, KeyError, TypeError):
        return None
