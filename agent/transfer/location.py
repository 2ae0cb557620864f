"""Where a file is at a remote system: the URL of a back-end, taken apart and checked once. Rule: no input or output.

User and password are percent-decoded and never shown; neither is a query, which may be a signature that opens a door.
"""

import re
from dataclasses import field, replace
from urllib.parse import quote, unquote, urlsplit

from agent.transfer.errors import Failure, TransferError
from hal.value import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 21, "sftp": 22}
IMPLICIT_FTPS_PORT = 990
MAX_CHARS = 2048
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_KEPT_IN_PATH = "%/:=&?~+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Location:
    """One place of one remote system."""

    scheme: str
    host: str
    port: int
    path: str = field(repr=False)
    """http(s): path and query as they go into the request; else the decoded path, without its first slash."""
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"<{self.shown}>"

    @property
    def is_http(self) -> bool:
        """True for http and https."""
        return self.scheme in {"http", "https"}

    @property
    def shown(self) -> str:
        """The URL without credentials and query, for people and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        path, mark, _ = self.path.partition("?") if self.is_http else (f"/{self.path}", "", "")
        return f"{self.scheme}://{host}{port}{path}{mark and '?…'}"

    @property
    def is_directory(self) -> bool:
        """True if it says so by its last character."""
        return self.path.partition("?")[0].endswith("/") if self.is_http else self.path.endswith("/") or not self.path

    def child(self, name: str) -> "Location":
        """A file of this name in this directory."""
        if not self.is_http:
            return replace(self, path=f"{self.path.rstrip('/')}/{name}" if self.path else name)
        path, mark, query = self.path.partition("?")
        return replace(self, path=f"{path.rstrip('/')}/{quote(name)}{mark}{query}")


def parse_location(text: str) -> Location:
    """Take a URL apart. Raises: TransferError with one sentence that shows no credentials."""
    if not text or len(text) > MAX_CHARS or _UNSAFE.search(text):
        raise _bad(f"a location is a URL of 1 to {MAX_CHARS} characters without blanks and control characters")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
        (host or "").encode("idna")
    except ValueError:  # UnicodeError is one
        raise _bad("this location is no valid URL") from None
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        known = ", ".join(DEFAULT_PORTS)
        raise TransferError(Failure.NOT_SUPPORTED, f"no transfer over {scheme or 'nothing'!r}; what is built: {known}")
    if not host or port == 0:
        raise _bad(f"a {scheme} location needs a host, and a port other than 0")
    if scheme == "ftps" and port == IMPLICIT_FTPS_PORT:
        raise TransferError(Failure.NOT_SUPPORTED, "ftps is spoken explicitly (AUTH TLS, port 21), not on port 990")
    username, password = (None if each is None else unquote(each) for each in (parts.username, parts.password))
    if scheme in {"http", "https"}:
        path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT_IN_PATH)
    else:
        path = unquote(parts.path.removeprefix("/"))
    if any(_CONTROL.search(each) for each in (path, username or "", password or "")):
        raise _bad("no control characters in a location, not even percent-encoded")
    return Location(scheme, host, port or DEFAULT_PORTS[scheme], path, username, password)


def _bad(text: str) -> TransferError:
    return TransferError(Failure.BAD_REQUEST, text)
