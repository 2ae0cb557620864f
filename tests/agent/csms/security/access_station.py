"""A station that dials as the link does, and a gate that lets endpoints through or not."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from agent.csms.connection import Connection, DialError, Dialler, Endpoint
from agent.csms.security.access import AccessPolicy
from agent.csms.security.back_end_plan import BackEndPlan
from agent.csms.security.root_store import RootPolicy
from agent.csms.security.vocabulary import CertificateUse
from tests.agent.csms.plain_security import PlainSecurity, one_back_end

OLD, NEW = "an-old-password-16", "00112233445566778899AABBCCDDEEFF"
CSMS = CertificateUse.CSMS_ROOT
ENDPOINT = Endpoint("ws://csms.example/ocpp", "S-1", OLD)


class Gate:
    """Lets endpoints through or not, and writes down what was tried; no socket."""

    def __init__(self) -> None:
        self.tried: list[Endpoint] = []
        self.good: set[str | bytes | None] = {OLD}
        """Passwords that are let through."""
        self.schemes = {"ws", "wss"}
        self.hosts: set[str] | None = None

    def __call__(self, endpoint: Endpoint) -> Dialler:
        async def dial(_subprotocols: Sequence[str]) -> Connection:
            self.tried.append(endpoint)
            host = endpoint.url.partition("://")[2].partition("/")[0]
            is_open = self.hosts is None or host in self.hosts
            if endpoint.password in self.good and endpoint.url.partition(":")[0] in self.schemes and is_open:
                return NoConnection()
            raise DialError(f"refused at {endpoint.full_url}")

        return dial


class NoConnection:
    subprotocol: str | None = "ocpp1.6"

    async def recv(self) -> str | bytes:
        await asyncio.Event().wait()
        return ""

    async def send(self, message: str) -> None:
        del message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        del code, reason


class Station:
    """Dials as the link does."""

    def __init__(self, security: PlainSecurity, gate: Gate) -> None:
        self.security = security
        self.access = security.access
        self.gate = gate
        self.redials: list[str] = []
        self.access.redial = self.redials.append

    async def dial(self, times: int = 1) -> bool:
        """True if the last try connected."""
        connected = False
        for _ in range(times):
            try:
                await self.access(["ocpp1.6"])
            except DialError as error:
                connected = False
                self.access.failed(str(error))
            else:
                connected = True
                self.access.registered()
            await self.kept()
        return connected

    async def kept(self) -> None:
        """Until the outcome is on disk."""
        while not self.access._outcomes.empty():
            await (self.access._outcomes.get_nowait())()

    @property
    def last(self) -> Endpoint:
        return self.gate.tried[-1]


def station(
    folder: Path,
    *plans: BackEndPlan,
    gate: Gate | None = None,
    policy: AccessPolicy = AccessPolicy(),  # noqa: B008 - a frozen value
    roots: RootPolicy = RootPolicy(),  # noqa: B008 - as above
) -> Station:
    gate = gate or Gate()
    known = plans or (one_back_end(ENDPOINT, profile=1),)
    return Station(PlainSecurity(known, folder, dial=gate, policy=policy, roots=roots), gate)
