import asyncio
from collections.abc import Sequence

import pytest

from agent.csms.connection import Connection, DialError
from agent.station.back_end import BackEndUnreachableError
from tests.agent.csms.link_house import IMPATIENT, QUICK, TOKEN, house, online_house
from tests.fakes.scripted_csms import Answer, Json, Refuse, ScriptedCsms, scripted_csms


async def test_an_unforeseen_error_inside_restarts_the_back_ends_side_only(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.csms.client._RESTART", QUICK.reconnect)
    tries = 0
    dialled_again = asyncio.Event()

    async def dial(_subprotocols: Sequence[str]) -> Connection:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ZeroDivisionError("unforeseen")
        dialled_again.set()
        raise DialError("foreseen")

    async with scripted_csms() as csms, house(csms, dial=dial), asyncio.timeout(5):
        await dialled_again.wait()
    assert "ZeroDivisionError: unforeseen" in caplog.text


async def test_authorize_returns_what_the_back_end_says() -> None:
    async with online_house() as home:
        assert (await home.client.back_end.authorize(TOKEN)).accepted


async def test_no_usable_answer_means_unreachable() -> None:
    async with online_house(IMPATIENT) as home:

        async def refuses(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            raise Refuse("InternalError")

        answers: tuple[Answer | Json | None, ...] = (refuses, None, {"idTagInfo": {}})
        for answer in answers:
            home.csms.on("Authorize", answer)
            with pytest.raises(BackEndUnreachableError):
                await home.client.back_end.authorize(TOKEN)
        await home.csms.connection.close()
        await home.csms.until(lambda: len(home.csms.connections) == 2)


async def test_offline_means_unreachable_at_once() -> None:
    async with scripted_csms() as csms:
        csms.on("BootNotification", None)
        async with house(csms) as home:
            with pytest.raises(BackEndUnreachableError):
                await home.client.back_end.authorize(TOKEN)
