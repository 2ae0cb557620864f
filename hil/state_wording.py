"""One line of an EVSE's state, for people (rule)."""

from typing import Any

Json = dict[str, Any]


def pilot_text(state: Json) -> str:
    """State letter and voltages of the pilot, with its duty cycle if it has one."""
    duty = "" if state["duty_percent"] is None else f", duty {state['duty_percent']:.1f} %"
    return f"{state['pilot_state']} {state['pilot_high_v']:.1f}/{state['pilot_low_v']:.1f} V{duty}"


def evse_line(number: int | str, state: Json) -> str:
    """Say what the bench sees of one EVSE."""
    shown = (state["indicator"] or {}).get("text")
    parts = [
        f"pilot {pilot_text(state)}",
        f"contactor {'closed' if state['contactor_closed'] else 'open'}",
        f"{state['current_a']:.1f} A",
        f"{float(state['delivered_wh']):.1f} Wh",
        "car plugged in" if state["vehicle"]["plugged"] else "no car",
        *([f"display {shown!r}"] if shown else []),
        *([f"faults {', '.join(state['faults'])}"] if state["faults"] else []),
        *([] if state["supplied"] else ["no supply"]),
    ]
    return f"EVSE {number}: {' · '.join(parts)}"


def state_lines(result: Json) -> list[str]:
    """Say the answer to `state`, of one EVSE or of all."""
    if "evses" not in result:
        return [evse_line(result["evse"], result)]
    return [evse_line(number, state) for number, state in result["evses"].items()]
