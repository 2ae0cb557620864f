"""Quirks of when, how often and under which id a back-end answers, and of what it refuses."""

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from hil.csms.wire import Message
from hil.csms.zoo.quirk import Answer, Frame, Line, Quirk, dump

LATE_S = 40.0
"""Beyond every sensible time-out of a call."""
SLOW_S = 29.0
MANY = 30

Edit = Callable[[Frame], list[object]]


def frames(edit: Edit) -> Answer:
    """Answer with these frames in place of the right one."""

    async def answer(line: Line, _request: Message, right: Frame) -> None:
        for frame in edit(right):
            await line.send(frame if isinstance(frame, str) else dump(frame))

    return answer


def error(*rest: object) -> Answer:
    """Answer everything with this CALLERROR, boot and heartbeat excepted: a station that cannot boot tells nothing."""

    async def answer(line: Line, request: Message, right: Frame) -> None:
        known = request.action in {"BootNotification", "Heartbeat"}
        await line.send(dump(right if known else [4, right[1], *rest]))

    return answer


async def _later(line: Line, right: Frame, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await line.send(dump(right))


async def _after(delay_s: float, line: Line, request: Message, right: Frame) -> None:
    if request.action == "BootNotification":
        await line.send(dump(right))
    else:
        line.begin(_later(line, right, delay_s))


async def _never(line: Line, request: Message, right: Frame) -> None:
    if request.action == "BootNotification":
        await line.send(dump(right))


async def _every_second(line: Line, _request: Message, right: Frame) -> None:
    line.memory["asked"] = line.memory.get("asked", 0) + 1
    if line.memory["asked"] % 2:
        await line.send(dump(right))


async def _out_of_order(line: Line, _request: Message, right: Frame) -> None:
    """Keep an answer until the next request has been answered; a lone one waits for 10 s."""
    held = line.memory.pop("held", None)
    if held is not None:
        await line.send(dump(right))
        await line.send(dump(held))
        return
    line.memory["held"] = right
    line.begin(_release(line, right))


async def _release(line: Line, frame: Frame) -> None:
    await asyncio.sleep(10)
    if line.memory.get("held") is frame:
        del line.memory["held"]
        await line.send(dump(frame))


async def _previous_id(line: Line, _request: Message, right: Frame) -> None:
    previous = line.memory.get("id", "0")
    line.memory["id"] = right[1]
    line.memory["count"] = line.memory.get("count", 0) + 1
    if line.memory["count"] % 3 == 0:
        await line.send(dump([3, previous, right[2] if right[0] == 3 else {}]))  # noqa: PLR2004 - a CALLRESULT
    await line.send(dump(right))


def _other_id(right: Frame) -> list[object]:
    return [[right[0], str(uuid.uuid4()), *right[2:]]]


def _unasked(right: Frame) -> list[object]:
    stray: list[object] = [[3, str(uuid.uuid4()), {"status": "Accepted"}] for _ in range(MANY)]
    return [*stray, right, [4, str(uuid.uuid4()), "InternalError", "", {}]]


async def _half_time_wrong(edit: Edit, line: Line, request: Message, right: Frame) -> None:
    """Answer BootNotification rightly and every other request by `edit`."""
    for frame in [right] if request.action == "BootNotification" else edit(right):
        await line.send(frame if isinstance(frame, str) else dump(frame))


def but_boot(edit: Edit) -> Answer:
    """Answer everything but BootNotification with these frames."""
    return partial(_half_time_wrong, edit)


def _long(right: Frame) -> list[Any]:
    return [[4, right[1], "InternalError", "x" * 100_000, {"stack": ["at"] * 1000}]]


ANSWERS = (
    Quirk("answers_slowly", f"answers after {SLOW_S:.0f} s", partial(_after, SLOW_S)),
    Quirk("answers_late", f"answers after {LATE_S:.0f} s", partial(_after, LATE_S)),
    Quirk("answers_never", "answers nothing but BootNotification", _never),
    Quirk("answers_every_second", "answers every second request", _every_second),
    Quirk("answers_twice", "answers everything twice", frames(lambda right: [right, right])),
    Quirk("answers_many_times", f"answers everything {MANY} times", frames(lambda right: [right] * MANY)),
    Quirk("answers_out_of_order", "holds each answer until the next request was answered", _out_of_order),
    Quirk("answers_for_another_id", "answers under ids that nobody used", but_boot(_other_id)),
    Quirk("answers_for_the_previous_id", "answers the request before once more", _previous_id),
    Quirk("answers_what_nobody_asked", "sends answers that nobody asked for", frames(_unasked)),
    Quirk("refuses_everything", "answers everything with a CALLERROR", error("InternalError", "no", {})),
    Quirk("refuses_by_an_unknown_code", "makes up CALLERROR codes", error("TeapotError", "short and stout", {})),
    Quirk("refuses_without_description", "leaves out parts of a CALLERROR", error("GenericError")),
    Quirk("refuses_with_nulls", "sends null in a CALLERROR", error("InternalError", None, None)),
    Quirk("refuses_by_number", "sends a CALLERROR whose code is a number", error(500, "Internal Server Error", {})),
    Quirk("refuses_at_length", "sends CALLERRORs of 100 kB", but_boot(_long)),
    Quirk("is_busy", "refuses since a call is in progress", error("InternalError", "call already in progress", {})),
    Quirk(
        "refuses_and_answers",
        "sends a CALLERROR and then the answer",
        but_boot(lambda right: [[4, right[1], "InternalError", "", {}], right]),
    ),
    Quirk(
        "answers_and_refuses",
        "sends the answer and then a CALLERROR",
        but_boot(lambda right: [right, [4, right[1], "InternalError", "", {}]]),
    ),
)
