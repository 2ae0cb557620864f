"""What is configured of each EVSE's supervision and wiring, and of the grid operator's contact."""

from collections.abc import Mapping

from agent.config import AgentConfig, EvseConfig
from agent.domain.contactor_care import ContactorTimes
from agent.domain.meter_supervision import SupervisionLimits
from agent.domain.temperature_derating import DeratingSteps
from agent.station.charging_profiles import Wiring
from agent.station.grid_contact import ContactTerms, GridContact
from agent.station.guard import GuardSettings
from agent.station.limit_planner import LimitPlanner
from hal.abilities import Contact


def wiring_of(config: AgentConfig, board_limits_a: Mapping[int, float]) -> dict[int, Wiring]:
    """Return the phases of each EVSE, and the least of what installation and board allow, A."""
    return {
        evse.id: Wiring(evse.phases, min(evse.max_current_a, board_limits_a[evse.id]))
        for evse in config.evse
        if evse.id in board_limits_a
    }


def grid_contacts(config: AgentConfig, contact: Contact | None, limits: LimitPlanner) -> tuple[GridContact, ...]:
    """Return what feeds the grid operator's limit; nothing where there is no such contact."""
    if contact is None or config.limits.grid_operator is None:
        return ()
    seen = config.limits.grid_operator.contact
    terms = ContactTerms(seen.limit_current_a, seen.limits_when == "closed")
    return (GridContact(contact, terms, limits.tell),)


def guard_settings(evse: EvseConfig) -> GuardSettings:
    """Return what is configured of an EVSE's supervision."""
    seen = evse.supervision
    return GuardSettings(
        phases=evse.phases,
        supervision=SupervisionLimits(
            over_current_factor=seen.over_current_factor,
            over_current_margin_a=seen.over_current_margin_a,
            over_current_s=seen.over_current_s,
            over_current_grace_s=seen.over_current_grace_s,
            under_voltage_v=seen.under_voltage_v,
            over_voltage_v=seen.over_voltage_v,
            voltage_hysteresis_v=seen.voltage_hysteresis_v,
            voltage_s=seen.voltage_s,
            unexpected_current_a=seen.unexpected_current_a,
            unexpected_current_s=seen.unexpected_current_s,
        ),
        temperature=DeratingSteps(
            steps=tuple(zip(evse.temperature.steps_c, evse.temperature.fractions, strict=True)),
            recover_c=evse.temperature.recover_c,
            sensor_fallback_a=evse.temperature.sensor_fallback_a,
        ),
        contactor=ContactorTimes(evse.contactor.min_off_s, evse.contactor.min_on_s),
    )
