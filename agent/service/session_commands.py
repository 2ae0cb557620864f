"""`pilotline sessions …`: what no back-end has acknowledged, shown and exported. It changes nothing."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from agent.service.state_directory import DATABASE_NAME, WrongUsageError, state_directory
from agent.store.errors import StoreError
from agent.store.private_files import write_private
from agent.store.unsent import UnsentFact, UnsentTransaction, Waiting, export_lines, unsent

DONE, FAILED = 0, 1
STANDARD_OUTPUT = "-"


def run(arguments: argparse.Namespace) -> int:
    """Carry out one verb and return the exit code. Raises: WrongUsageError."""
    database = state_directory(arguments) / DATABASE_NAME
    try:
        found = unsent(database)
        if arguments.verb == "export":
            return _export(found, arguments.file, with_tokens=arguments.with_tokens)
        if arguments.json:
            sys.stdout.writelines(export_lines(found, with_tokens=False))
        else:
            sys.stdout.writelines(f"{line}\n" for line in _told(found))
    except BrokenPipeError:
        raise
    except (StoreError, OSError) as error:
        sys.stderr.write(f"pilotline: {error}\n")
        return FAILED
    return DONE


def _export(found: list[UnsentTransaction], file: str, *, with_tokens: bool) -> int:
    lines = export_lines(found, with_tokens=with_tokens)
    if file == STANDARD_OUTPUT:
        sys.stdout.writelines(lines)
        return DONE
    if Path(file).exists():
        raise WrongUsageError(f"{file} exists already: name a new file")
    write_private(Path(file), "".join(lines).encode())
    sys.stderr.write(f"pilotline: {_counted(found)} written to {file}\n")
    return DONE


def _told(found: list[UnsentTransaction]) -> list[str]:
    if not found:
        return ["the back-end has acknowledged everything"]
    lines = [_counted(found)]
    for each in found:
        lines += _transaction(each) if each.transaction_id is not None else _alone(each.facts[0])
    return lines


def _counted(found: list[UnsentTransaction]) -> str:
    transactions = sum(each.transaction_id is not None for each in found)
    alone = len(found) - transactions
    return f"{transactions} transaction{'s' * (transactions != 1)} and {alone} other fact{'s' * (alone != 1)}"


def _transaction(each: UnsentTransaction) -> list[str]:
    number = "" if each.csms_transaction_id is None else f", number {each.csms_transaction_id} at its back-end"
    energy = "energy not known" if each.energy_wh is None else f"{each.energy_wh} Wh"
    ended = each.last("kind") == "TransactionEnded"
    until = each.last("at") if ended else f"at least {each.last('at')}"
    lines = [
        f"transaction {each.transaction_id}{number}",
        f"  EVSE {each.first('evse_id')}, {each.first('at')} to {until}, {energy}",
    ]
    if each.owner:
        lines.append(f"  belongs to {each.owner}")
    kinds = Counter((fact.waiting, fact.reason) for fact in each.open_facts)
    for (waiting, reason), count in kinds.items():
        why = "" if not reason or waiting is Waiting.PARKED else f": {reason}"
        lines.append(f"  {count} of {len(each.facts)} facts {waiting.value}{why}")
    return lines


def _alone(fact: UnsentFact) -> list[str]:
    why = f": {fact.reason}" if fact.reason else ""
    place = "" if not fact.fact.get("evse_id") else f" of EVSE {fact.fact['evse_id']}"
    return [
        f"{fact.fact.get('kind', 'unreadable fact')}{place}, {fact.fact.get('at', 'time unknown')}",
        f"  {fact.waiting.value}{why}",
    ]
