"""Asks the process that holds the token, starts it when it is needed and ends it when it fails (runner). Blocks."""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from hal.value import dataclass

ANSWER_S = 30.0
"""A token may take seconds to make a key."""
SIGNATURE_S = 2.0
"""A handshake is on the loop of the station: a token that needs longer is given up."""
_END_S = 1.0


class TokenError(OSError):
    """The token does not do it; the text is one sentence for the installer."""


@dataclass(frozen=True, slots=True)
class TokenAddress:
    """Which token, and how it is opened."""

    module: Path
    """The vendor's PKCS#11 library."""
    label: str
    pin_file: Path
    """Of mode 0600; its content is read by the process that holds the token, and by nobody else."""


class TokenLink:
    """One process, one question at a time, from any thread."""

    def __init__(self, address: TokenAddress) -> None:
        self._address = address
        self._turn = threading.Lock()
        self._refused_pin: tuple[object, str] | None = None
        self._holder = _Holder()
        self.started = 0
        """How often the process was started."""
        weakref.finalize(self, _end, self._holder)

    def ask(self, op: str, *, within_s: float = ANSWER_S, **fields: object) -> dict[str, Any]:
        """Ask one thing. Raises: TokenError."""
        if not self._turn.acquire(timeout=within_s):
            raise TokenError(f"token '{self._address.label}' is busy")
        try:
            return self._ask(json.dumps({"op": op, **fields}).encode() + b"\n", time.monotonic() + within_s)
        finally:
            self._turn.release()

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process; None: it does not run."""
        return self._holder.process

    def close(self) -> None:
        """End the process; the next question starts another."""
        _end(self._holder)

    def _ask(self, request: bytes, deadline: float) -> dict[str, Any]:
        pin = self._checked_pin()
        process = self._running()
        try:
            answer = _exchange(process, request, deadline)
        except TokenError:
            self.close()
            raise
        except (OSError, ValueError) as error:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            self.close()
            raise TokenError(f"token '{self._address.label}': {self._address.module} {_end_of(process)}") from error
        if "error" in answer:
            self.close()
            if answer["wrong_pin"]:
                self._refused_pin = (pin, answer["error"])
            raise TokenError(answer["error"])
        self._refused_pin = None
        return answer

    def _checked_pin(self) -> object:
        """Identity of the PIN file as it is now; one that the token has refused is not tried twice."""
        file = self._address.pin_file
        try:
            found = file.stat()
        except OSError as error:
            raise TokenError(f"the PIN file {file} cannot be read: {error.strerror}") from error
        if found.st_mode & 0o077:
            raise TokenError(f"the PIN file {file} has to be readable for its owner alone (mode 0600)")
        pin = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._refused_pin is not None and self._refused_pin[0] == pin:
            raise TokenError(self._refused_pin[1])
        return pin

    def _running(self) -> "subprocess.Popen[bytes]":
        process = self._holder.process
        if process is not None and process.poll() is None:
            return process
        self.close()
        self.started += 1
        address = self._address
        command = [sys.executable, "-P", "-m", "agent.csms.security.token_process"]
        self._holder.process = subprocess.Popen(  # noqa: S603 - ourselves; words of the configuration, no shell
            [*command, str(address.module), address.label, str(address.pin_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what a vendor's library writes there may be anything
        )
        return self._holder.process


class _Holder:
    """What has to be ended with the link, apart from it."""

    process: "subprocess.Popen[bytes] | None" = None


def _end(holder: _Holder) -> None:
    process, holder.process = holder.process, None
    if process is not None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _exchange(process: "subprocess.Popen[bytes]", request: bytes, deadline: float) -> dict[str, Any]:
    """Raises: OSError or ValueError if the process has ended, TokenError if it does not answer in time."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("no pipes")
    process.stdin.write(request)
    process.stdin.flush()
    answer = b""
    while not answer.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise TokenError("the PKCS#11 library does not answer in time")
        part = os.read(process.stdout.fileno(), 65_536)
        if not part:
            raise ValueError("it has ended")
        answer += part
    found: dict[str, Any] = json.loads(answer)
    return found


def _end_of(process: "subprocess.Popen[bytes]") -> str:
    return f"ended its process (exit {process.returncode}); is it the right library?"
