"""SendLocalList and GetLocalListVersion. Source: OCPP 1.6 sections 3.5.2, 5.10 and 5.15.

With the list switched off (LocalAuthListEnabled) it is as if there were none: version -1, updates NotSupported. What
is stored stays, and counts again once it is switched on.
"""

import asyncio
from typing import Final

from agent.csms.adapter import Handler, Payload, Reply
from agent.csms.v16.wire_values import read_id_tag, read_id_tag_info
from agent.domain.local_list import ListEntry, ListUpdate, UpdateKind
from agent.domain.vocabulary import Authorization, AuthorizationStatus
from agent.station.commands import StationCommands

NOT_SUPPORTED_VERSION: Final = -1
ENTRIES_PER_TURN: Final = 250
"""After so many entries the rest of the station gets its turn."""


class LocalListHandlers:
    """What a back-end may do with the local authorisation list."""

    def __init__(self, commands: StationCommands) -> None:
        self._commands = commands

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {"SendLocalList": self._send, "GetLocalListVersion": self._get_version}

    def _get_version(self, _payload: Payload) -> Reply:
        version = self._commands.local_list_version()
        return Reply({"listVersion": NOT_SUPPORTED_VERSION if version is None else version})

    async def _send(self, payload: Payload) -> Reply:
        if self._commands.local_list_version() is None:
            return Reply({"status": "NotSupported"})
        told: list[Payload] = payload.get("localAuthorizationList") or []
        entries: list[ListEntry] = []
        known: dict[tuple[object, ...], Authorization] = {}
        for first in range(0, len(told), ENTRIES_PER_TURN):
            entries += [_entry(each, known) for each in told[first : first + ENTRIES_PER_TURN]]
            await asyncio.sleep(0)
        update = ListUpdate(UpdateKind(payload["updateType"]), payload["listVersion"], tuple(entries))
        return Reply({"status": (await self._commands.update_local_list(update)).value})


def _entry(told: Payload, known: dict[tuple[object, ...], Authorization]) -> ListEntry:
    """Read an entry; those that say the same share one authorisation, since there are thousands of them."""
    id_token, info = read_id_tag(told["idTag"]), told.get("idTagInfo")
    if info is None:
        return ListEntry(id_token, None)
    said = (info["status"], info.get("parentIdTag"), info.get("expiryDate"))
    if said not in known:
        known[said] = _authorization(info)
    return ListEntry(id_token, known[said])


def _authorization(info: Payload) -> Authorization:
    """On a list ConcurrentTx marks a valid token, as Accepted does: section 3.5.2."""
    told = read_id_tag_info(info)
    if told.status is not AuthorizationStatus.CONCURRENT_TX:
        return told
    return Authorization(AuthorizationStatus.ACCEPTED, told.group_token, told.expires_at)
