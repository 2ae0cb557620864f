"""What must hold after a story has healed: the books of the back-end, the meter and the station agree."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from hil.csms.ledger_values import LogicalTransaction
from tests.fakes.virtual_station import START
from tests.properties.authority import Span, unauthorised
from tests.properties.operations import GOOD_TOKENS
from tests.properties.player import Player

WHOLE_WH: Final = Decimal(1)
"""OCPP 1.6 bills whole Wh: each end of a transaction is rounded down."""
THRESHOLD_WH: Final = Decimal(20)
"""Energy below this, found after the board was out of reach, is let go."""

NEARBY_S: Final = 2.0
"""A disturbance this long before the start or after the end may still touch a transaction's registers."""


def findings(player: Player) -> list[str]:
    """Every claim that does not hold, in words; empty if all is well."""
    return [
        *player.watch.violations,
        *_of_ledger(player),
        *unauthorised(player.watch.evidence, list(_spans(player))),
        *[text for number in player.bench.evses for text in _of_energy(player, number)],
        *_of_rest(player),
    ]


def _of_ledger(player: Player) -> list[str]:
    ledger = player.station.csms.ledger
    found = [f"problem: {problem}" for problem in ledger.problems()]
    for transaction in ledger.transactions:
        if not transaction.is_whole:
            found.append(f"not whole: {transaction.to_json()}")
        if transaction.id_token not in GOOD_TOKENS:
            found.append(f"started by a token that nobody accepted: {transaction.id_token}")
    return found


def _spans(player: Player) -> Iterator[Span]:
    for each in player.station.csms.ledger.transactions:
        if each.evse_id is not None and each.started_at is not None and each.ended_at is not None:
            start_s, end_s = _loop_time(each.started_at), _loop_time(each.ended_at)
            yield Span(each.transaction_id, each.evse_id, each.id_token or "", start_s, end_s)


def _of_energy(player: Player, number: int) -> list[str]:
    """Billed and reported energy is what the meter counted, as far as anybody could know."""
    watched = player.watch.evses[number]
    metered_wh = watched.registers[-1][1] - watched.registers[0][1]
    transactions = [t for t in player.station.csms.ledger.transactions if t.evse_id == number]
    billed_wh = sum((t.energy_wh or Decimal(0) for t in transactions), Decimal(0))
    reported_wh = sum((wh for evse, wh in player.unauthorised.values() if evse == number), Decimal(0))
    rounding_wh = WHOLE_WH * (2 * len(transactions) + 1)
    told_wh = billed_wh + reported_wh
    books = f"evse {number}: billed {billed_wh} + reported {reported_wh} of {metered_wh} Wh metered"
    found = []
    if told_wh > metered_wh + rounding_wh:
        found.append(f"{books}: more than flowed")
    if told_wh < metered_wh - rounding_wh - THRESHOLD_WH * watched.losses:
        found.append(f"{books}: less than flowed, {watched.losses} losses")
    return found + [text for t in transactions for text in _of_transaction(player, number, t)]


def _of_transaction(player: Player, number: int, transaction: LogicalTransaction) -> list[str]:
    if transaction.energy_wh is None or transaction.started_at is None or transaction.ended_at is None:
        return [f"transaction {transaction.transaction_id} has no energy"]
    start_s, end_s = _loop_time(transaction.started_at), _loop_time(transaction.ended_at)
    counted_wh = player.watch.register_at(number, end_s + 1) - player.watch.register_at(number, start_s)
    books = f"transaction {transaction.transaction_id} bills {transaction.energy_wh} of {counted_wh} Wh counted"
    if player.watch.is_undisturbed(number, start_s - NEARBY_S, end_s + NEARBY_S):
        exact = abs(transaction.energy_wh - counted_wh) <= 2 * WHOLE_WH
        return [] if exact else [f"{books}, and nothing was in the way"]
    return [books] if transaction.energy_wh > counted_wh + 2 * WHOLE_WH + THRESHOLD_WH else []


def _loop_time(timestamp: str) -> float:
    return (datetime.fromisoformat(timestamp) - START).total_seconds()


def _of_rest(player: Player) -> list[str]:
    found = []
    agent = player.station.agent
    for number in player.bench.evses:
        if player.last_status.get(number) != "Available":
            state = agent.station.evses[number].session.state if agent else None
            faults = agent.station.evses[number].session.faults if agent else None
            found.append(f"evse {number} is told {player.last_status.get(number)} at the end: {state} {faults}")
        if player.bench.evses[number].world.contactor_closed:
            found.append(f"evse {number}: contactor closed at the end")
    return found
