"""Several back-ends, by priority."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.csms.connection import Connection, DialError, Dialler, Endpoint
from agent.csms.security.access import AccessPolicy
from agent.csms.security.back_end_plan import BackEndPlan
from agent.csms.security.dial_plan import Attempts
from hil.virtual_time import run_virtual
from tests.agent.csms.security.access_station import NEW, OLD, station

# ------------------------------------------------------------------ several back-ends

FIRST, SECOND = (
    BackEndPlan(name, Endpoint(f"ws://{name}/ocpp", "S-1", OLD), 1, ("ocpp1.6",)) for name in ("first", "second")
)


async def test_after_some_tries_the_next_back_end_is_dialled_and_then_the_first_again(tmp_path: Path) -> None:
    s = station(tmp_path, FIRST, SECOND, policy=AccessPolicy(attempts=Attempts(of_back_end=2)))
    s.gate.hosts = set()
    await s.dial(6)
    assert [each.url[5:7] for each in s.gate.tried] == ["fi", "fi", "se", "se", "fi", "fi"]


async def test_one_back_end_alone_is_dialled_for_ever(tmp_path: Path) -> None:
    s = station(tmp_path, FIRST)
    s.gate.hosts = set()
    await s.dial(10)
    assert {each.url for each in s.gate.tried} == {FIRST.endpoint.url}


def going_back(tmp_path: Path, *, idle_after_s: float | None, first_back_after_s: float) -> tuple[float, list[str]]:
    """At the second back-end; tells when the station went back to the first, and why."""

    async def story() -> tuple[float, list[str]]:
        policy = AccessPolicy(attempts=Attempts(of_back_end=1), return_after_s=100.0, switch_wait_s=1000.0)
        s = station(tmp_path, FIRST, SECOND, policy=policy)
        loop = asyncio.get_running_loop()
        s.gate.hosts = {"second"}
        assert await s.dial(2)
        assert s.access.owner.startswith("ws://second")
        began_s = loop.time()
        loop.call_later(first_back_after_s, lambda: setattr(s.gate, "hosts", {"first", "second"}))
        s.access.is_idle = lambda: idle_after_s is None or loop.time() - began_s >= idle_after_s
        runner = asyncio.create_task(s.access.run())
        redialled = asyncio.Event()

        def redial(why: str) -> None:
            s.redials.append(why)
            redialled.set()

        s.access.redial = redial
        await redialled.wait()
        assert await s.dial()
        assert s.access.owner.startswith("ws://first")
        runner.cancel()
        with suppress(asyncio.CancelledError):
            await runner
        return loop.time() - began_s, s.redials

    return run_virtual(story())


def test_the_station_goes_back_once_the_first_connects(tmp_path: Path) -> None:
    took_s, why = going_back(tmp_path, idle_after_s=None, first_back_after_s=150)
    assert 200 <= took_s < 205
    assert why == ["first of higher priority is back"]


def test_going_back_waits_for_what_is_open(tmp_path: Path) -> None:
    assert 500 <= going_back(tmp_path, idle_after_s=500, first_back_after_s=0)[0] < 505


def test_going_back_does_not_wait_for_ever(tmp_path: Path) -> None:
    assert 1100 <= going_back(tmp_path, idle_after_s=10_000, first_back_after_s=0)[0] < 1105


async def test_each_back_end_has_a_password_of_its_own(tmp_path: Path) -> None:
    s = station(tmp_path, FIRST, SECOND, policy=AccessPolicy(attempts=Attempts(of_back_end=1)))
    await s.dial()
    await s.access.change_authorization_key(NEW)
    s.gate.good = {OLD, bytes.fromhex(NEW)}
    assert await s.dial()
    s.gate.hosts = {"second"}
    assert await s.dial(2)
    assert [each.password for each in s.gate.tried][-3::2] == [bytes.fromhex(NEW), OLD]


async def test_a_version_is_kept_until_its_transactions_are_told_and_given_up_only_last(tmp_path: Path) -> None:
    """A transaction belongs to the version that acknowledged its start."""
    both = replace(FIRST, subprotocols=("ocpp2.0.1", "ocpp1.6"))
    s = station(tmp_path, both, policy=AccessPolicy(attempts=Attempts(of_back_end=3)))
    offered: list[Sequence[str]] = []

    def dial(_endpoint: Endpoint) -> Dialler:
        async def refuse(subprotocols: Sequence[str]) -> Connection:
            offered.append(tuple(subprotocols))
            raise DialError("not now")

        return refuse

    s.access._dial = dial
    known = ["ocpp2.0.1", "ocpp1.6"]
    s.access.unsettled_owners = lambda: {"first/ocpp/S-1 ocpp1.6"}
    for _ in range(4):
        with suppress(DialError):
            await s.access(known)
        s.access.failed("not now")
    assert offered == [("ocpp1.6",), ("ocpp1.6",), ("ocpp2.0.1", "ocpp1.6"), ("ocpp1.6",)]
    s.access.unsettled_owners = lambda: {"second/ocpp/S-1 ocpp1.6"}
    with suppress(DialError):
        await s.access(known)
    assert offered[-1] == ("ocpp2.0.1", "ocpp1.6")
