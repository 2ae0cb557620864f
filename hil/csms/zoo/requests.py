"""Quirks of what a back-end asks: floods, requests at the wrong time, under odd ids, and what no station knows.

No flood asks for what a station may rightly do at once and for good (a reset, another configuration of its link).
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from hil.csms.wire import Message
from hil.csms.zoo.quirk import Beside, Frame, Line, Quirk, dump

Request = tuple[str, dict[str, Any]]
Wording = Callable[[int], Request]

BURST = 100
PER_TURN = 10
TURN_S = 1.0
ROUNDS = 120
"""So many turns a connection; what goes on for ever would only be the same again."""


def _calls(of_version: dict[str, Wording]) -> Beside:
    """Ask a burst at once, then some each second, until the rounds are over."""

    async def flood(line: Line) -> None:
        wording = of_version[line.version]
        numbers = count()
        await _ask(line, (wording(next(numbers)) for _ in range(BURST)))
        for _ in range(ROUNDS):
            await asyncio.sleep(TURN_S)
            await _ask(line, (wording(next(numbers)) for _ in range(PER_TURN)))

    return flood


async def _ask(line: Line, requests: Iterator[Request]) -> None:
    for action, payload in requests:
        line.memory["flood"] = line.memory.get("flood", 0) + 1
        await line.send(dump([2, f"flood-{line.memory['flood']}", action, payload]))


def _change(number: int) -> Request:
    keys = (
        ("HeartbeatInterval", str(300 + number % 7)),
        ("MeterValueSampleInterval", str(30 + number % 7)),
        ("ConnectionTimeOut", str(60 + number % 7)),
        ("NoSuchKey", "1"),
        ("NumberOfConnectors", "12"),
        ("HeartbeatInterval", "often"),
    )
    key, value = keys[number % len(keys)]
    return "ChangeConfiguration", {"key": key, "value": value}


def _set(number: int) -> Request:
    names = (("OCPPCommCtrlr", "HeartbeatInterval"), ("TxCtrlr", "EVConnectionTimeOut"), ("NoCtrlr", "NoSuchVariable"))
    component, variable = names[number % len(names)]
    datum = {
        "attributeValue": str(60 + number % 7),
        "component": {"name": component},
        "variable": {"name": variable},
    }
    return "SetVariables", {"setVariableData": [datum]}


def _get_16(number: int) -> Request:
    return "GetConfiguration", {} if number % 2 else {"key": ["HeartbeatInterval", "NoSuchKey"]}


def _get_201(number: int) -> Request:
    if number % 50 == 0:
        return "GetBaseReport", {"requestId": number, "reportBase": "FullInventory"}
    datum = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    return "GetVariables", {"getVariableData": [datum]}


def _start_16(number: int) -> Request:
    return "RemoteStartTransaction", {"connectorId": 1, "idTag": f"REMOTE{number % 5}"}


def _start_201(number: int) -> Request:
    token = {"idToken": f"REMOTE{number % 5}", "type": "Central"}
    return "RequestStartTransaction", {"evseId": 1, "remoteStartId": number, "idToken": token}


def _stop_16(number: int) -> Request:
    return "RemoteStopTransaction", {"transactionId": -1000 - number}


def _stop_201(number: int) -> Request:
    return "RequestStopTransaction", {"transactionId": f"unknown-{number}"}


def _trigger(number: int) -> Request:
    wanted = ("BootNotification", "Heartbeat", "StatusNotification", "MeterValues")
    return "TriggerMessage", {"requestedMessage": wanted[number % len(wanted)]}


async def _repeated_ids(line: Line) -> None:
    for number in range(ROUNDS):
        action, payload = _QUESTION[line.version](number)
        await line.send(dump([2, "the-one-id", action, payload]))
        await asyncio.sleep(TURN_S / 4)


async def _odd_ids(line: Line) -> None:
    action, payload = _QUESTION[line.version](1)
    for message_id in ("x" * 37, "x" * 500, "x" * 100_000, "", "\u0000", "ü" * 36, 7, None, ["a"], {"a": 1}):
        for _ in range(5):
            await line.send(dump([2, message_id, action, payload]))
            await asyncio.sleep(TURN_S / 4)


async def _nonsense(line: Line) -> None:
    for number in range(ROUNDS):
        for action in ("MakeCoffee", "", "x" * 60, "BootNotification", "Authorize", "DataTransfer", "Reset"):
            await line.send(dump([2, f"{action[:8]}-{number}", action, {"cups": number}]))
        await asyncio.sleep(TURN_S)


async def _garbage(line: Line) -> None:
    pieces = ("", "{}", "[]", "[2]", "null", "[2,", '"', "[4,1]", "[3]", "\x00" * 50, '[2,"a","B"]', "[-1,[],{}]")
    for _ in range(ROUNDS):
        for text in pieces * 10:
            await line.send(text)
        await asyncio.sleep(TURN_S)


async def _early(line: Line) -> None:
    """Ask as soon as the socket is open: nothing has been booted yet."""
    for number in range(20):
        action, payload = _QUESTION[line.version](number)
        await line.send(dump([2, f"early-{number}", action, payload]))
        action, payload = _REMOTE_START[line.version](number)
        await line.send(dump([2, f"start-{number}", action, {**payload, "connectorId": 9}]))


async def _mirror(line: Line, request: Message, right: Frame) -> None:
    """Ask the station its own question, then answer it."""
    await line.send(dump([2, request.message_id, request.action, request.payload]))
    await line.send(dump(right))


_QUESTION: dict[str, Wording] = {"1.6": _get_16, "2.0.1": _get_201}
_REMOTE_START: dict[str, Wording] = {"1.6": _start_16, "2.0.1": _start_201}

REQUESTS = (
    Quirk("floods_changes", "changes settings without end", beside=_calls({"1.6": _change, "2.0.1": _set})),
    Quirk("floods_questions", "asks for settings without end", beside=_calls(_QUESTION)),
    Quirk("floods_remote_starts", "starts remotely without end", beside=_calls(_REMOTE_START)),
    Quirk("floods_remote_stops", "stops unknown transactions", beside=_calls({"1.6": _stop_16, "2.0.1": _stop_201})),
    Quirk("floods_triggers", "triggers messages without end", beside=_calls({"1.6": _trigger, "2.0.1": _trigger})),
    Quirk("floods_garbage", "sends texts that are no frames", beside=_garbage),
    Quirk("asks_too_early", "asks before the station has booted", beside=_early),
    Quirk("asks_nonsense", "asks for what no station does", beside=_nonsense),
    Quirk("repeats_message_ids", "asks always under the same id", beside=_repeated_ids),
    Quirk("uses_odd_message_ids", "asks under ids that are too long, empty or no text", beside=_odd_ids),
    Quirk("mirrors", "asks the station its own questions", _mirror),
)
