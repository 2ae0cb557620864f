"""Who an OpenEVSE board is and how it is set up: asked when its line comes up, without switching anything."""

import asyncio
from decimal import Decimal
from typing import Final

from hal.api import BadFrameError, DeviceRefusedError, PlugInCounter
from hal.codecs.rapi import (
    CurrentRangeReply,
    EnergyReply,
    HeartbeatReply,
    Reply,
    SettingsReply,
    StateReply,
)
from hal.codecs.rapi_values import PROTECTIONS, EvseState, SettingFlags, Verb
from hal.drivers.openevse_link import OpenEvseLink
from hal.drivers.openevse_state import plug_in_elapsed_s
from hal.value import dataclass

_WATT_SECONDS_PER_WH: Final = 3600
_MILLI: Final = Decimal("0.001")
RAPI_MAJOR: Final = "5."
_LOOK_FOR_S: Final = 1.0
_LOOK_AGAIN_S: Final = 0.1
"""Asked again after a report, or after this."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a board answered at connection."""

    firmware_version: str
    protocol: str
    """Version of RAPI that it speaks."""
    protections_off: tuple[str, ...]
    """Names of `PROTECTIONS` that are switched off."""
    max_current_a: int
    offered_current_a: int
    heartbeat: HeartbeatReply | None
    """None: built without heartbeat supervision."""
    state: StateReply
    plug_in: PlugInCounter | None
    """None: built without an energy counter."""

    @property
    def foreign_protocol(self) -> str:
        """What is wrong with its version of RAPI; empty for one that this driver speaks."""
        return "" if self.protocol.startswith(RAPI_MAJOR) else f"speaks RAPI {self.protocol}, not {RAPI_MAJOR}x"


async def identify(link: OpenEvseLink) -> Identity:
    """Ask a board for everything. Raises: HalError."""
    version = accepted(await link.request(Verb.GET_VERSION))
    settings = SettingsReply.from_params(accepted(await link.request(Verb.GET_SETTINGS)))
    currents = CurrentRangeReply.from_params(accepted(await link.request(Verb.GET_CURRENT_RANGE)))
    heartbeat = await link.request(Verb.GET_HEARTBEAT)
    state = await _state(link)
    energy = await link.request(Verb.GET_ENERGY)
    elapsed_s = plug_in_elapsed_s(state.elapsed_s, state.vflags)
    if len(version) < 2:  # noqa: PLR2004 - firmware and protocol
        raise BadFrameError("no firmware version")
    return Identity(
        firmware_version=version[0],
        protocol=version[1],
        protections_off=protections_off(settings.flags),
        max_current_a=min(currents.max_hardware_current_a, currents.max_configured_current_a),
        offered_current_a=settings.offered_current_a,
        heartbeat=HeartbeatReply.from_params(heartbeat.params) if heartbeat.ok else None,
        state=state,
        plug_in=plug_in_counter(EnergyReply.from_params(energy.params), elapsed_s) if energy.ok else None,
    )


async def _state(link: OpenEvseLink) -> StateReply:
    """State once the board has looked at its pilot: in its first tenths of a second it does not know of a car."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + _LOOK_FOR_S
    while True:
        state = StateReply.from_params(accepted(await link.request(Verb.GET_STATE)))
        asleep_and_blind = state.state is EvseState.SLEEPING and state.pilot is EvseState.UNKNOWN
        if not (state.state is EvseState.UNKNOWN or asleep_and_blind) or loop.time() >= end_s:
            return state
        await link.report_within(_LOOK_AGAIN_S)


def protections_off(flags: SettingFlags) -> tuple[str, ...]:
    """Name the protections that are switched off."""
    return tuple(name for flag, name in PROTECTIONS.items() if flag in flags)


def plug_in_counter(energy: EnergyReply, elapsed_s: int) -> PlugInCounter:
    """Turn W·s and Wh into the counter of this plug-in."""
    session_wh = (Decimal(energy.session_ws) / _WATT_SECONDS_PER_WH).quantize(_MILLI)
    return PlugInCounter(session_wh, Decimal(energy.total_wh), elapsed_s)


def accepted(reply: Reply) -> tuple[str, ...]:
    """Values of a reply that must be `$OK`. Raises: DeviceRefusedError."""
    if not reply.ok:
        raise DeviceRefusedError("the board refused a query that every board answers")
    return reply.params
