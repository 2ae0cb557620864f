"""Security over OCPP 1.6 on real processes: profiles, certificates, several back-ends, with sessions running through.

White paper edition 3, A01, A02, A05, M05; lessons 27, 28, 84, 91.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hil.background import work_beside
from hil.control_client import ControlClient
from hil.processes import ChildProcess
from hil.station_processes import ProcessPlan
from tests.agent.csms.certificates import authority
from tests.fakes.real_station import RealStation

IDENTITY = "BENCH-0001"
CARD, OTHER_CARD = "04A1B2C3", "04D4E5F6"
PASSWORD = "the-first-password-16"
KEY = "00112233445566778899AABBCCDDEEFF"
LIMIT_S = 40.0
QUICK = """
reconnect_min_s = 0.2
reconnect_max_s = 1.0
reconnect_random_s = 0.1
call_timeout_s = 8.0
"""
Json = dict[str, Any]


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


class Story:
    """One station and its back-end."""

    def __init__(self, station: RealStation) -> None:
        self.station = station
        self.frames: list[Json] = []
        station.saw_frame = self.frames.append

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                while not await holds():  # noqa: ASYNC110 - of other processes
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log = self.station.agent.log.read_text("utf-8")[-4000:]
            raise AssertionError(f"not within {LIMIT_S:g} s: {what}\n{log}") from None

    async def ask(self, action: str, **payload: Any) -> Json:
        answer = await self.station.csms.ask("send", action=action, payload=payload)
        assert "payload" in answer, (answer, self.station.agent.log.read_text("utf-8")[-6000:])
        result: Json = answer["payload"]
        return result

    async def change(self, key: str, value: str) -> str:
        return str((await self.ask("ChangeConfiguration", key=key, value=value))["status"])

    async def security(self) -> str:
        known = (await self.station.csms.ask("stations")).get(IDENTITY, {})
        return str(known.get("security", "")) if known.get("connected") else ""

    async def until_in(self, security: str) -> str:
        """Wait until the station is connected so and answers; gives how, with its certificate's number."""

        async def there() -> bool:
            return (await self.security()).startswith(security)

        await self.until(there, f"the station comes in {security}")
        return await self.security()

    async def until_profile(self, profile: str) -> None:
        async def holds() -> bool:
            if not await self.security():
                return False
            answer = await self.station.csms.ask(
                "send", action="GetConfiguration", payload={"key": ["SecurityProfile"]}
            )
            keys = answer.get("payload", {}).get("configurationKey", [{}])
            return bool(keys[0].get("value") == profile)

        await self.until(holds, f"the station tells security profile {profile}")

    async def charge(self, card: str = CARD, client: ControlClient | None = None) -> None:
        """Plug in and start from the back-end, once the station is ready for it."""
        await self.station.bench.ask("plug_in", evse=1, current_a=16, delay_s=0.2)
        await self.until_state(pilot_state="B")
        request = {"idTag": card, "connectorId": 1}
        asked = client or self.station.csms

        async def started() -> bool:
            answer = await asked.ask("send", action="RemoteStartTransaction", payload=request)
            return bool(answer["payload"]["status"] == "Accepted")

        await self.until(started, "the station takes the start")
        await self.until_state(contactor_closed=True)

    async def leave(self) -> None:
        await self.station.bench.ask("plug_out", evse=1)
        await self.until_state(contactor_closed=False, pilot_state="A")

    async def is_charging(self) -> bool:
        return bool((await self.station.bench.ask("state", evse=1))["contactor_closed"])

    async def until_state(self, **wanted: object) -> None:
        async def holds() -> bool:
            state = await self.station.bench.ask("state", evse=1)
            return all(state[name] == value for name, value in wanted.items())

        await self.until(holds, f"the EVSE is {wanted}")

    async def until_transactions(self, ended: int, client: ControlClient | None = None) -> list[Json]:
        asked = client or self.station.csms

        async def holds() -> bool:
            ledger = await asked.ask("ledger")
            return ledger["open"] == 0 and len(ledger["transactions"]) == ended

        await self.until(holds, f"{ended} transactions have ended")
        ledger = await asked.ask("ledger")
        assert ledger["problems"] == []
        transactions: list[Json] = ledger["transactions"]
        return transactions


@asynccontextmanager
async def playing(directory: Path, toml: str = "", further: str = "") -> AsyncIterator[Story]:
    """A station with profile 1 at a back-end that also has a TLS port and an authority; the agent runs."""
    port = free_port()
    files = ("--state", str(directory / "csms.state"), "--authority", str(directory / "authority"))
    words = (*files, "--password", PASSWORD, "--secure-port", str(port))
    access = f'[csms]\nsecurity_profile = 1\npassword = "{PASSWORD}"\nsecure_url = "wss://127.0.0.1:{port}"\n'
    plan = ProcessPlan(directory, "1.6", ("--evses", "1"), words, (("story.toml", access + QUICK + toml + further),))
    async with work_beside() as add:
        station = RealStation(plan, add)
        story = Story(station)
        try:
            await station.processes.open(add)
            await station.start_agent()
            await story.until_in("plain")
            await story.until_state(pilot_state="A", supplied=True)
            yield story
        finally:
            await station.agent.kill()
            await station.processes.end(2.0)


async def install_root(s: Story) -> None:
    root = (await s.station.csms.ask("authority"))["root"]
    answer = await s.ask("InstallCertificate", certificateType="CentralSystemRootCertificate", certificate=root)
    assert answer == {"status": "Accepted"}


async def to_profile_3(s: Story) -> str:
    """Root, profile 2, a signed certificate, profile 3; gives how the station came in."""
    assert await s.change("SecurityProfile", "2") == "Rejected", "without a root"
    await install_root(s)
    assert await s.change("SecurityProfile", "2") == "Accepted"
    await s.until_in("tls")
    await s.until_profile("2")
    assert await s.change("SecurityProfile", "3") == "Rejected", "without a certificate"
    assert await s.change("CpoName", "Our Operator") == "Accepted"
    await sign(s)
    assert await s.change("SecurityProfile", "3") == "Accepted"
    came_in = await s.until_in("mutual")
    await s.until_profile("3")
    return came_in


async def sign(s: Story) -> None:
    before = len(s.frames)
    trigger = await s.ask("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    assert trigger == {"status": "Accepted"}

    async def answered() -> bool:
        return any(
            (frame["kind"], frame["action"], frame["payload"])
            == ("result", "CertificateSigned", {"status": "Accepted"})
            for frame in s.frames[before:]
        )

    await s.until(answered, "the signed certificate is accepted")


@pytest.mark.slow
async def test_a_session_runs_through_the_way_from_profile_1_to_3_and_a_renewal(tmp_path: Path) -> None:
    async with playing(tmp_path) as s:
        await s.charge()
        first = await to_profile_3(s)
        assert await s.is_charging()
        await sign(s)

        async def renewed() -> bool:
            now = await s.security()
            return now.startswith("mutual") and now != first

        await s.until(renewed, "the station shows its new certificate")
        assert await s.change("SecurityProfile", "1") == "Rejected", "never downwards"
        await s.station.agent.kill()
        await s.station.start_agent()
        await s.until_in("mutual")
        await s.until_profile("3")
        assert await s.is_charging()
        await s.leave()
        (transaction,) = await s.until_transactions(1)
        assert transaction["repeats"] == 0
        log = s.station.agent.log.read_text("utf-8")
        assert PASSWORD not in log
        assert "PRIVATE KEY" not in log


@pytest.mark.slow
async def test_a_wrong_root_leads_back_to_the_former_profile_and_a_session_runs_through(tmp_path: Path) -> None:
    """Lesson 91."""
    async with playing(tmp_path, toml="security_attempts = 2\n") as s:
        await s.charge()
        (tmp_path / "stranger").mkdir()
        wrong = authority(tmp_path / "stranger", "Stranger").pem
        request = {"certificateType": "CentralSystemRootCertificate", "certificate": wrong}
        assert await s.ask("InstallCertificate", **request) == {"status": "Accepted"}
        assert await s.change("SecurityProfile", "2") == "Accepted"

        async def refuted() -> bool:
            return "security settings refuted" in s.station.agent.log.read_text("utf-8")

        await s.until(refuted, "the new profile is given up")
        await s.until_in("plain")
        await s.until_profile("1")
        assert "is not among the trusted roots" in s.station.agent.log.read_text("utf-8")
        assert await s.is_charging()
        await s.leave()
        await s.until_transactions(1)


@pytest.mark.slow
async def test_a_new_authorization_key_is_used_and_a_wrong_one_given_up(tmp_path: Path) -> None:
    async with playing(tmp_path, toml="security_attempts = 2\n") as s:
        before = (await s.station.csms.ask("stations"))[IDENTITY]["connections"]
        assert await s.change("AuthorizationKey", KEY) == "Accepted"
        await s.station.csms.ask("password", password=f"hex:{KEY}")

        async def settled() -> bool:
            log = s.station.agent.log.read_text("utf-8")
            now = (await s.station.csms.ask("stations"))[IDENTITY]
            return bool(now["connected"] and now["connections"] > before and "settings=AuthorizationKey" in log)

        await s.until(settled, "the new key is in use")
        assert await s.change("AuthorizationKey", KEY[::-1]) == "Accepted"

        async def refuted() -> bool:
            return "security settings refuted" in s.station.agent.log.read_text("utf-8")

        await s.until(refuted, "the wrong key is given up")
        await s.until_in("plain")
        log = s.station.agent.log.read_text("utf-8")
        assert KEY not in log
        assert KEY[::-1] not in log


@asynccontextmanager
async def second_back_end(directory: Path) -> AsyncIterator[tuple[str, ControlClient]]:
    """Another bench CSMS, its URL and its control socket."""
    words = ["hil.cli", "csms", "--control", str(directory / "b.sock"), "--versions", "1.6"]
    process = ChildProcess("second back-end", words, directory / "b.log")
    try:
        url = (await process.start_until_ready())["url"]
        client = ControlClient("b", directory / "b.sock", lambda _event: None)
        await client.open()
        listening = asyncio.create_task(client.run())
        yield url, client
        listening.cancel()
        client.close()
    finally:
        await process.end(2.0)


@pytest.mark.slow
async def test_a_dies_b_takes_over_a_returns_and_both_ledgers_are_right(tmp_path: Path) -> None:
    """Lessons 27 and 28: what A began ends at A, what B began ends at B."""
    async with second_back_end(tmp_path) as (url, b):
        profile = f'[[csms.connection_profiles]]\nname = "b"\nurl = "{url}"\nsecurity_profile = 0\n'
        toml = "connect_attempts = 2\nreturn_after_s = 3.0\nswitch_wait_s = 30.0\n"
        async with playing(tmp_path, toml=toml, further=profile) as s:

            async def begun() -> bool:
                return bool((await s.station.csms.ask("ledger"))["open"] == 1)

            async def at_b() -> bool:
                return bool((await b.ask("stations")).get(IDENTITY, {}).get("connected"))

            await s.charge()
            await s.until(begun, "A knows the transaction")
            s.station.network.cut()
            await s.until(at_b, "B has the station")
            assert await s.is_charging()
            stop = await b.ask("send", action="RemoteStopTransaction", payload={"transactionId": 1})
            assert stop["payload"] == {"status": "Rejected"}, "B never gave that number"
            await s.leave()
            await s.charge(OTHER_CARD, b)
            s.station.network.restore()
            await asyncio.sleep(5)
            assert await at_b(), "the way back waits for what is open at B"
            await s.leave()
            (of_b,) = await s.until_transactions(1, b)
            (of_a,) = await s.until_transactions(1)
            assert (of_a["id_token"], of_b["id_token"]) == (CARD, OTHER_CARD)
            assert (of_a["repeats"], of_b["repeats"]) == (0, 0)
            assert not await at_b(), "the station is back at A"
