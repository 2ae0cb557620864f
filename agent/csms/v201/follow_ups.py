"""Requests that the station sends because the back-end asked for them, after the answer is on the wire."""

from collections.abc import Awaitable, Callable

from agent.csms.adapter import Outgoing, Send


def sending(send: Send, requests: list[Outgoing]) -> Callable[[], Awaitable[None]]:
    """Return a follow-up that sends these in order; the first that fails ends it, since asking again starts afresh."""

    async def send_all() -> None:
        for request in requests:
            await send(request)

    return send_all
