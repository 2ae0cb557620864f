"""The roles that labgrid lends (runner).

Its places are taken for a run, and each role becomes one of the plain kinds: nothing else knows of labgrid.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from hil.bench_file import LABGRID, LINE_ROLES, BenchFile, Role, check_lines
from hil.errors import StationError
from hil.labgrid import COIL_CLASS, Address, LabgridClient

SUPPLY: Final = "supply"


@asynccontextmanager
async def borrowed(file: BenchFile) -> AsyncIterator[BenchFile]:
    """Take the places that a bench needs and give the bench as it then is; the places go back at the end.

    A bench without labgrid is given as it is. Raises: StationError, BenchFileError.
    """
    lent = {name: role for name, role in file.roles.items() if role.kind == LABGRID}
    places = sorted({role.place for role in lent.values()})
    clients = {place: LabgridClient(file.labgrid.client, file.labgrid.coordinator, place) for place in places}
    async with AsyncExitStack() as stack:
        for client in clients.values():
            await client.acquire()
            stack.push_async_callback(client.release)
        bound = {name: await _bound(name, role, clients[role.place]) for name, role in lent.items()}
        plain = replace(file, roles={**file.roles, **bound})
        check_lines(plain)
        yield plain


async def _bound(name: str, role: Role, client: LabgridClient) -> Role:
    if name in LINE_ROLES:
        line = await client.serial_server(role.resource)
        return Role("network_serial", host=line.host, tcp_port=line.tcp_port, protocol="rfc2217")
    if name != "power":
        return _on_card("modbus_coils", await _coils(role.resources, client))
    if (await client.resource(role.resource)).cls == COIL_CLASS:
        return _on_card("power_switch", await _coils({SUPPLY: role.resource}, client))
    return Role(
        "power_switch",
        on_command=client.power_words(role.resource, on=True),
        off_command=client.power_words(role.resource, on=False),
    )


async def _coils(resources: Mapping[str, str], client: LabgridClient) -> dict[str, tuple[Address, int]]:
    return {function: (await client.resource(name)).coil for function, name in resources.items()}


def _on_card(kind: str, coils: Mapping[str, tuple[Address, int]]) -> Role:
    """Make a role of one card; labgrid's coils belong to its unit 1. Raises: StationError."""
    cards = {card for card, _ in coils.values()}
    if len(cards) > 1:
        raise StationError("labgrid's coils of one role are on several relay cards, which is not built; use one card")
    card = cards.pop()
    numbers = {function: number for function, (_, number) in coils.items()}
    return Role(kind, host=card.host, tcp_port=card.tcp_port, numbers=numbers)
