"""The receipt of a demo: what was metered, billed, sent and how fast; and what is wrong with it (rule)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from hil.demo.observed import Frame, Observed

REGISTER_STEP_WH = Decimal("0.001")
"""Step of a float32 register in kWh below 8 MWh, rounded up: the meter's own register may differ by this much."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What the story did and when, monotonic seconds."""

    plugged_in_s: float
    tapped_s: float
    network_cut_s: float
    network_cut_at: datetime
    network_restored_s: float
    unplugged_s: float


@dataclass(frozen=True, slots=True)
class Energy:
    """Registers of the meter before and after, and what the back-end would bill; Wh."""

    register_start_wh: Decimal
    register_stop_wh: Decimal
    billed_start_wh: Decimal | None
    billed_stop_wh: Decimal | None

    @property
    def metered_wh(self) -> Decimal:
        """What flowed."""
        return self.register_stop_wh - self.register_start_wh

    @property
    def billed_wh(self) -> Decimal | None:
        """What is billed; None if a register is missing."""
        if self.billed_start_wh is None or self.billed_stop_wh is None:
            return None
        return self.billed_stop_wh - self.billed_start_wh


@dataclass(frozen=True, slots=True)
class Messages:
    """Counts at the back-end."""

    requests: int
    transactional: int
    queued: int
    """Tell of a moment between the cut and the reconnection, and came after it."""
    repeats: int


@dataclass(frozen=True, slots=True)
class Reactions:
    """Seconds, each from cause to effect; None if the effect was not seen."""

    tap_to_offer_s: float | None
    tap_to_message_s: float | None
    unplug_to_open_s: float | None
    reconnect_s: float | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """Everything that is printed at the end."""

    version: str
    duration_s: float
    energy: Energy
    messages: Messages
    reactions: Reactions
    problems: tuple[str, ...]
    """Sentences; none if everything is as it must be."""


def make_receipt(
    seen: Observed, marks: Marks, registers_wh: tuple[Decimal, Decimal], ledger: dict[str, Any], duration_s: float
) -> Receipt:
    """Draw it up from what was observed, the meter's registers before and after, and the back-end's ledger."""
    bills = ledger["transactions"]
    bill = bills[0] if bills else {}
    energy = Energy(*registers_wh, _decimal(bill.get("energy_start_wh")), _decimal(bill.get("energy_stop_wh")))
    messages = Messages(
        requests=sum(1 for _ in seen.requests()),
        transactional=sum(1 for _ in seen.transactional()),
        queued=queued_count(seen, marks),
        repeats=int(ledger["repeats"]),
    )
    problems = (*_ledger_problems(ledger), *(_energy_problems(energy) if bill else ()), *_queue_problems(messages))
    return Receipt(seen.version, duration_s, energy, messages, _reactions(seen, marks), problems)


def queued_count(seen: Observed, marks: Marks) -> int:
    """Count messages of a moment between the cut and the reconnection."""
    back = seen.reconnection(marks.network_restored_s)
    return sum(
        1
        for frame in seen.transactional(since_s=marks.network_restored_s)
        if back is not None and (at := frame.happened_at) is not None and marks.network_cut_at <= at < back.utc
    )


def _reactions(seen: Observed, marks: Marks) -> Reactions:
    first = next(seen.transactional(since_s=marks.tapped_s), None)
    back = seen.reconnection(marks.network_restored_s)
    return Reactions(
        tap_to_offer_s=_since(marks.tapped_s, seen.offer_at_s(marks.tapped_s)),
        tap_to_message_s=_since(marks.tapped_s, _at_s(first)),
        unplug_to_open_s=_since(marks.unplugged_s, seen.event_at_s("contactor", marks.unplugged_s, closed=False)),
        reconnect_s=_since(marks.network_restored_s, _at_s(back)),
    )


def _ledger_problems(ledger: dict[str, Any]) -> Iterator[str]:
    count = len(ledger["transactions"])
    if count != 1:
        yield f"the back-end knows {count} transactions instead of one"
    for transaction in ledger["transactions"]:
        if not transaction["whole"]:
            yield (
                f"transaction {transaction['transaction_id']} is not whole: {transaction['starts']} starts,"
                f" {transaction['ends']} ends, missing numbers {transaction['missing_seq_nos']}"
            )
    if ledger["conflicts"]:
        yield f"{ledger['conflicts']} messages were told again with other content"
    for problem in ledger["problems"]:
        yield f"the back-end complains of {problem['kind']}: {problem['detail']}"


def _energy_problems(energy: Energy) -> Iterator[str]:
    if energy.billed_wh is None:
        yield "the bill lacks a register"
        return
    ends = (
        ("starts", energy.billed_start_wh, energy.register_start_wh),
        ("stops", energy.billed_stop_wh, energy.register_stop_wh),
    )
    for name, billed_wh, register_wh in ends:
        if billed_wh not in _whole_wh(register_wh):
            yield f"the bill {name} at {billed_wh} Wh, the meter at {register_wh} Wh"


def _queue_problems(messages: Messages) -> Iterator[str]:
    if not messages.queued:
        yield "nothing that happened without network reached the back-end"


def _whole_wh(register_wh: Decimal) -> set[Decimal]:
    """What the register may be on the wire: its floor, as the meter shows it."""
    shown = (register_wh - REGISTER_STEP_WH, register_wh, register_wh + REGISTER_STEP_WH)
    return {each.to_integral_value(ROUND_FLOOR) for each in shown}


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _at_s(frame: Frame | None) -> float | None:
    return None if frame is None else frame.at_s


def _since(from_s: float, to_s: float | None) -> float | None:
    return None if to_s is None else to_s - from_s
