"""http and https: GET with Range and If-Range, PUT (or POST, where PUT is not known). Blocking; runs in a thread.

Rules kept here:
* A part is gone on with only if the server proves by entity tag or date that it is of the same file (RFC 9110, 13.1.5).
* Redirections are followed five times, never from https to http, and credentials never go to another host.
"""

import base64
import http.client
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urljoin

from agent.transfer.course import Course
from agent.transfer.errors import Failure, TransferError
from agent.transfer.location import Location, parse_location
from agent.transfer.partial_file import PartialFile
from agent.transfer.settings import TransferSettings
from agent.transfer.trust import client_context, connection_failure

BUFFER_BYTES = 64 * 1024
MAX_REDIRECTIONS = 5
_REDIRECTIONS = frozenset({301, 302, 303, 307, 308})
_REPEATED = frozenset({307, 308})
"""Redirections under which a PUT stays a PUT (RFC 9110, 15.4)."""
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_DONE = frozenset({200, 201, 202, 204, 206})
_FAILURES: Mapping[int, Failure] = {
    HTTPStatus.BAD_REQUEST: Failure.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED: Failure.DENIED,
    HTTPStatus.FORBIDDEN: Failure.DENIED,
    HTTPStatus.NOT_FOUND: Failure.MISSING,
    HTTPStatus.GONE: Failure.MISSING,
    HTTPStatus.METHOD_NOT_ALLOWED: Failure.NOT_SUPPORTED,
    HTTPStatus.NOT_IMPLEMENTED: Failure.NOT_SUPPORTED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Failure.TOO_LARGE,
}


def download(location: Location, file: PartialFile, settings: TransferSettings, course: Course) -> None:
    """Receive a file, going on where it stopped. Raises: TransferError, InterruptedTransferError."""
    held = file.held()
    headers = {"Range": f"bytes={held.size}-", "If-Range": held.validator} if held.size else {}
    with _answer("GET", location, settings, course, headers) as response:
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and held.size:
            if _whole_size(response) == held.size:
                file.begin(held.size, held.size, held.validator)
                file.finish()
                return
            file.begin(0, None, "")
            raise TransferError(Failure.DAMAGED, "the part that is here does not fit the file any more")
        _check(response, location)
        offset, announced = _extent(response, held.size)
        file.begin(offset, announced, _validator(response))
        _receive(response, file)
    file.finish()


def upload(location: Location, source: Path, name: str, settings: TransferSettings, course: Course) -> None:
    """Send a file to this URL, or under its name into a URL that ends in a slash. Raises: as `download`."""
    target = location.child(name) if location.is_directory else location
    try:
        _send("PUT", target, source, settings, course)
    except TransferError as error:
        if error.failure is not Failure.NOT_SUPPORTED:
            raise
        course.done_bytes = 0
        _send("POST", target, source, settings, course)


def _send(method: str, location: Location, source: Path, settings: TransferSettings, course: Course) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    with _answer(method, location, settings, course, headers, source) as response:
        _check(response, location)


def _receive(response: http.client.HTTPResponse, file: PartialFile) -> None:
    while data := response.read1(BUFFER_BYTES):
        file.write(data)


@contextmanager
def _answer(
    method: str,
    location: Location,
    settings: TransferSettings,
    course: Course,
    headers: Mapping[str, str],
    body: Path | None = None,
) -> Iterator[http.client.HTTPResponse]:
    """The answer to one request, redirections followed. Raises: TransferError, InterruptedTransferError."""
    for _ in range(MAX_REDIRECTIONS + 1):
        connection = _connection(location, settings)
        try:
            connection.connect()
            connection.sock.settimeout(settings.stall_timeout_s)
            with course.closed_by_interrupt(partial(_wake, connection.sock)):
                response = _ask(connection, method, location, headers, body, course)
                with response:
                    if response.status not in _REDIRECTIONS:
                        yield response
                        return
                    location = _redirected(response, location, body)
        except (OSError, http.client.HTTPException) as error:
            course.check()
            raise _failure(error, location) from error
        finally:
            connection.close()
    raise TransferError(Failure.REFUSED, f"more than {MAX_REDIRECTIONS} redirections")


def _connection(location: Location, settings: TransferSettings) -> http.client.HTTPConnection:
    if location.scheme == "http":
        return http.client.HTTPConnection(location.host, location.port, timeout=settings.connect_timeout_s)
    context = client_context(settings)
    return http.client.HTTPSConnection(
        location.host, location.port, timeout=settings.connect_timeout_s, context=context
    )


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    location: Location,
    headers: Mapping[str, str],
    body: Path | None,
    course: Course,
) -> http.client.HTTPResponse:
    connection.putrequest(method, location.path, skip_accept_encoding=True)
    for name, value in {**headers, **_authorization(location), "Accept-Encoding": "identity"}.items():
        connection.putheader(name, value)
    if body is None:
        connection.endheaders()
        return connection.getresponse()
    course.total_bytes = body.stat().st_size
    connection.putheader("Content-Length", str(course.total_bytes))
    connection.putheader("Connection", "close")
    connection.endheaders()
    try:
        with body.open("rb") as file:
            while data := file.read(BUFFER_BYTES):
                connection.send(data)
                course.moved(len(data))
    except (BrokenPipeError, ConnectionResetError):
        course.check()  # else: a server that refuses early has said why
    return connection.getresponse()


def _authorization(location: Location) -> dict[str, str]:
    if location.username is None:
        return {}
    secret = base64.b64encode(f"{location.username}:{location.password or ''}".encode()).decode()
    return {"Authorization": f"Basic {secret}"}


def _redirected(response: http.client.HTTPResponse, location: Location, body: Path | None) -> Location:
    if body is not None and response.status not in _REPEATED:
        raise TransferError(Failure.REFUSED, f"an upload is not sent again after redirection {response.status}")
    target = response.headers.get("Location", "")
    response.read(BUFFER_BYTES)
    there = parse_location(urljoin(_url(location), target))
    if not there.is_http or (location.scheme == "https" and there.scheme == "http"):
        raise TransferError(Failure.UNTRUSTED, f"a redirection from {location.scheme} to {there.scheme} is refused")
    same = (there.scheme, there.host, there.port) == (location.scheme, location.host, location.port)
    if same and there.username is None:
        return replace(there, username=location.username, password=location.password)
    return there


def _url(location: Location) -> str:
    host = f"[{location.host}]" if ":" in location.host else location.host
    return f"{location.scheme}://{host}:{location.port}{location.path}"


def _check(response: http.client.HTTPResponse, location: Location) -> None:
    if response.status in _DONE:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise TransferError(Failure.REFUSED, "the server encodes the file although that was not asked for")
        return
    failure = _FAILURES.get(response.status, Failure.REFUSED)
    raise TransferError(failure, f"{location.shown} was answered {response.status} {response.reason[:50]}")


def _extent(response: http.client.HTTPResponse, held: int) -> tuple[int, int | None]:
    """Where this answer begins in the file, and how long the whole file is."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0, response.length
    match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None or match[1] is None or int(match[1]) != held:
        raise TransferError(Failure.DAMAGED, "the server sends another part than the one that was asked for")
    if match[3] != "*" and int(match[2]) != int(match[3]) - 1:
        raise TransferError(Failure.DAMAGED, "the server sends less than the rest of the file")
    return held, int(match[2]) + 1


def _whole_size(response: http.client.HTTPResponse) -> int | None:
    match = _RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    return None if match is None or match[3] == "*" else int(match[3])


def _validator(response: http.client.HTTPResponse) -> str:
    """A strong entity tag, or else the date; empty if nothing tells one version of the file from the next."""
    tag = str(response.headers.get("ETag", ""))
    return tag if tag.startswith('"') else str(response.headers.get("Last-Modified", ""))


def _wake(sock: socket.socket) -> None:
    """End whatever waits on this socket; the TLS layer above it, which belongs to the thread, is left alone."""
    socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _failure(error: Exception, location: Location) -> TransferError:
    if isinstance(error, OSError):
        return connection_failure(error, location.host)
    if isinstance(error, http.client.IncompleteRead):
        return TransferError(Failure.UNREACHABLE, f"{location.host} broke off")
    return TransferError(Failure.REFUSED, f"{location.host} does not speak HTTP: {type(error).__name__}")
