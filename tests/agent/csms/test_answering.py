import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.csms import rpc
from agent.csms.adapter import BootStatus, LinkLostError, Payload, Reply
from agent.csms.answering import Answerer
from agent.csms.protocol_rules import RULES
from agent.csms.rpc import Call, FrameError
from agent.csms.schemas import Schemas
from agent.csms.work import MAX_TASKS, Work
from tests.fakes.plain_adapter import PlainAdapter

SCHEMAS = Schemas(RULES["ocpp1.6"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
PAYLOADS = st.dictionaries(st.sampled_from(["key", "type", "connectorId", "idTag", "value"]) | st.text(), JSON)
ACTIONS = st.sampled_from(["Reset", "GetConfiguration", "RemoteStartTransaction", "TriggerMessage"]) | st.text()


class Sent:
    """Where answers go; breaks when told."""

    def __init__(self) -> None:
        self.frames: list[list[Any]] = []
        self.broken = False

    async def send(self, text: str) -> None:
        if self.broken:
            raise LinkLostError("cut")
        self.frames.append(json.loads(text))


def answerer(adapter: PlainAdapter, sent: Sent, group: asyncio.TaskGroup) -> Answerer:
    return Answerer(adapter, RULES["ocpp1.6"], SCHEMAS, sent, Work(group))


def careless_adapter() -> PlainAdapter:
    """Its handlers believe everything."""
    adapter = PlainAdapter()
    for action in ("Reset", "GetConfiguration", "RemoteStartTransaction", "TriggerMessage"):
        adapter.handlers[action] = lambda payload: Reply({"status": payload["type"]})
    return adapter


@given(ACTIONS, PAYLOADS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_every_request_with_a_readable_id_gets_exactly_one_answer(action: str, payload: Payload) -> None:  # lesson 19
    async def ask() -> None:
        sent = Sent()
        async with asyncio.TaskGroup() as group:
            text = rpc.call_text("q", action, payload)
            serving = answerer(careless_adapter(), sent, group)
            try:
                frame = rpc.parse(text)
            except FrameError as error:
                await serving.answer_garbage(error)
            else:
                assert isinstance(frame, Call)
                await serving.answer(frame, BootStatus.ACCEPTED)
        assert len(sent.frames) == (1 if readable_id(text) else 0)

    asyncio.run(ask())


def readable_id(text: str) -> bool:
    try:
        rpc.parse(text)
    except FrameError as error:
        return error.message_id is not None
    return True


async def test_more_waiting_requests_than_can_be_kept_are_refused_and_not_kept() -> None:  # lesson 20
    sent, release = Sent(), asyncio.Event()
    adapter = PlainAdapter()

    async def slow(_payload: Payload) -> Reply:
        await release.wait()
        return Reply({"status": "Accepted"})

    adapter.handlers["ClearCache"] = slow
    async with asyncio.TaskGroup() as group:
        serving = answerer(adapter, sent, group)
        for number in range(MAX_TASKS + 5):
            await serving.answer(Call(str(number), "ClearCache", {}), BootStatus.ACCEPTED)
        assert [frame[2] for frame in sent.frames] == ["GenericError"] * 5
        release.set()
    assert len(sent.frames) == MAX_TASKS + 5


async def test_nothing_follows_an_answer_that_was_not_delivered() -> None:
    sent, followed = Sent(), list[str]()
    adapter = PlainAdapter()

    async def follow_up() -> None:
        followed.append("reset")

    adapter.handlers["Reset"] = lambda _payload: Reply({"status": "Accepted"}, follow_up)
    async with asyncio.TaskGroup() as group:
        serving = answerer(adapter, sent, group)
        sent.broken = True
        with pytest.raises(LinkLostError):
            await serving.answer(Call("q", "Reset", {"type": "Hard"}), BootStatus.ACCEPTED)
        sent.broken = False
    assert followed == []


async def test_a_failing_follow_up_ends_there(caplog: pytest.LogCaptureFixture) -> None:
    sent = Sent()
    adapter = PlainAdapter()

    async def follow_up() -> None:
        raise KeyError("oops")

    adapter.handlers["Reset"] = lambda _payload: Reply({"status": "Accepted"}, follow_up)
    async with asyncio.TaskGroup() as group:
        await answerer(adapter, sent, group).answer(Call("q", "Reset", {"type": "Hard"}), BootStatus.ACCEPTED)
    assert sent.frames == [[3, "q", {"status": "Accepted"}]]
    assert "failed follow-up of Reset" in caplog.text
