"""What several scenarios look at: samples as told, offers of all EVSEs, CPU time and complaints of the agent (rule)."""

import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from hil.agent_side import AgentSide
from hil.csms.ledger_values import registers
from hil.rig import Rig
from hil.roles import Json

A_PER_PERCENT = 0.6
"""Up to 51 A. Source: facts iec61851_facts, duty cycle and current."""
SAMPLING = '[variables]\n"SampledDataCtrlr.TxUpdatedInterval" = 1\n'
"""A sample of the running transaction each second."""
COMPLAINTS = (" WARNING ", " ERROR ", " CRITICAL ")
UTIME, STIME = 11, 12
"""Fields of /proc/PID/stat behind the process's name. Source: proc(5)."""


def meter_values(frames: Sequence[Json]) -> Iterator[Json]:
    """Every meterValue of these requests, in order, those inside a 1.6 StopTransaction too."""
    for frame in frames:
        yield from frame["payload"].get("meterValue", [])
        yield from frame["payload"].get("transactionData", [])


def told_registers(frames: Sequence[Json]) -> list[tuple[datetime, Decimal]]:
    """When each import register was read and what it showed, Wh."""
    return [
        (datetime.fromisoformat(value["timestamp"]), register.energy_wh)
        for value in meter_values(frames)
        for register in registers([value])
    ]


def sums_of_offers(events: Sequence[Json]) -> list[tuple[float, float]]:
    """When what all pilots offer together changed, and to what, A."""
    offers_a: dict[int, float] = {}
    sums = []
    for event in events:
        offers_a[event["evse"]] = (event["duty_percent"] or 0.0) * A_PER_PERCENT
        sums.append((float(event["t"]), sum(offers_a.values())))
    return sums


def largest_offer_a(rig: Rig) -> float:
    """Give the most that all pilots ever offered together, A."""
    return max(sum_a for _, sum_a in sums_of_offers(rig.events("duty")))


def cpu_s(agent: AgentSide) -> float:
    """CPU time that the agent has used, s."""
    fields = Path(f"/proc/{agent.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[UTIME]) + int(fields[STIME])) / os.sysconf("SC_CLK_TCK")


def complaints(rig: Rig) -> list[str]:
    """Lines of the agent's log from WARNING on."""
    return [line for line in rig.agent.log if any(word in line for word in COMPLAINTS)]


async def is_whole(rig: Rig, count: int = 1) -> Json:
    """Check that the books hold so many transactions, each told once without gaps or repeats; gives the last."""
    ledger = await rig.csms.ledger()
    assert len(ledger["transactions"]) == count, "as many transactions as there were sessions"
    assert ledger["problems"] == [], "nothing that a well-behaved station never does"
    assert all(each["whole"] for each in ledger["transactions"]), "each started once, ended once, no number missing"
    last: Json = ledger["transactions"][-1]
    return last


async def same_transaction(rig: Rig, count: int = 1) -> None:
    """Check that the one transaction still runs."""
    ledger = await rig.csms.ledger()
    assert (len(ledger["transactions"]), ledger["open"]) == (count, 1), "the transaction goes on"
