"""Security events on the way to back-ends that know them and back-ends that do not. OCPP 1.6 security white paper."""

import pytest

from agent.domain.facts import SecurityEventRaised
from agent.domain.security_event import SecurityEventType
from tests.agent.csms.link_house import AT, House, ended, online_house, started
from tests.fakes.scripted_csms import Json, Refuse, ScriptedCsms

EVENT = SecurityEventRaised(SecurityEventType.STARTUP_OF_THE_DEVICE, AT, "reason=PowerUp")
NAME = "SecurityEventNotification"


def told(home: House) -> list[str]:
    return [action for action in home.csms.actions() if action not in {"BootNotification", "Heartbeat"}]


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported"])
async def test_a_back_end_without_the_security_extension_holds_up_nothing(code: str) -> None:
    async with online_house() as home:

        async def refuse(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            raise Refuse(code)

        home.csms.on(NAME, refuse)
        home.journal.put(EVENT, started(), EVENT, ended())
        await home.journal.until_empty()
        assert told(home) == [NAME, "StartTransaction", NAME, "StopTransaction"]
        assert home.journal.acknowledged == [1, 2, 3, 4]


async def test_another_refusal_is_tried_again_as_any_other() -> None:
    async with online_house() as home:
        home.adapter.retry_interval_s = 0

        async def refuse(_csms: ScriptedCsms, _id: str, _payload: Json) -> Json:
            raise Refuse("InternalError")

        home.csms.on(NAME, refuse)
        home.journal.put(EVENT, started())
        await home.journal.until_empty()
        assert told(home) == [NAME, NAME, NAME, "StartTransaction"]
        assert [row_id for row_id, _ in home.journal.parked] == [1]


async def test_a_back_end_that_closes_at_each_event_hears_of_transactions_all_the_same() -> None:
    async with online_house() as home:

        async def cut(csms: ScriptedCsms, _id: str, _payload: Json) -> Json | None:
            csms.connection.transport.abort()
            return None

        home.csms.on(NAME, cut)
        home.journal.put(EVENT, started())
        await home.journal.until_empty()
        assert told(home) == [NAME, NAME, NAME, "StartTransaction"]
        assert home.journal.parked == [(1, "the link was lost 3 times when it was sent")]
        assert home.journal.acknowledged == [2]
