"""SetChargingProfile, ClearChargingProfile and GetCompositeSchedule. Source: OCPP 1.6 sections 5.5, 5.7 and 5.16."""

import logging

from agent.csms.adapter import Handler, Payload, Reply, RpcError, RpcErrorCode
from agent.csms.v16.charging_profiles import composite, read_criteria, read_profile, read_unit
from agent.csms.v16.transaction_ids import GivenNumbers
from agent.station.commands import StationCommands
from agent.store.errors import StoreError

logger = logging.getLogger(__name__)


class SmartChargingHandlers:
    """What a back-end may do with charging profiles."""

    def __init__(self, commands: StationCommands, numbers: GivenNumbers) -> None:
        self._commands = commands
        self._numbers = numbers

    def handlers(self) -> dict[str, Handler]:
        """Return action name to handler."""
        return {
            "SetChargingProfile": self._set,
            "ClearChargingProfile": self._clear,
            "GetCompositeSchedule": self._composite,
        }

    async def _set(self, payload: Payload) -> Reply:
        given: Payload = payload["csChargingProfiles"]
        number = given.get("transactionId")
        transaction_id = None if number is None else await self._numbers.transaction_of(number)
        if number is not None and transaction_id is None:
            return _rejected("charging profile", given, f"there is no transaction {number}")
        try:
            profile = read_profile(given, payload["connectorId"], transaction_id)
        except (ValueError, OverflowError) as error:
            return _rejected("charging profile", given, str(error))
        reason = await self._commands.charging_profiles.set_profile(profile)
        return Reply({"status": "Accepted"}) if reason is None else _rejected("charging profile", given, reason)

    async def _clear(self, payload: Payload) -> Reply:
        try:
            found = await self._commands.charging_profiles.clear_profiles(read_criteria(payload))
        except StoreError as error:
            raise RpcError(RpcErrorCode.INTERNAL_ERROR, "the profiles could not be removed from the disk") from error
        return Reply({"status": "Accepted" if found else "Unknown"})

    def _composite(self, payload: Payload) -> Reply:
        connector_id, duration_s = payload["connectorId"], payload["duration"]
        unit = read_unit(payload.get("chargingRateUnit"))
        schedule = None
        if duration_s >= 0:
            schedule = self._commands.charging_profiles.composite_schedule(connector_id, duration_s, unit)
        if schedule is None:
            logger.info("composite schedule rejected connector=%d duration_s=%d", connector_id, duration_s)
            return Reply({"status": "Rejected"})
        return Reply(composite(connector_id, schedule))


def _rejected(what: str, given: Payload, reason: str) -> Reply:
    # 1.6 has no room for a reason in its answer.
    logger.warning("%s rejected id=%s reason=%s", what, given["chargingProfileId"], reason)
    return Reply({"status": "Rejected"})
