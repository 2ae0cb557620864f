"""What came to the back-end physically: which messages of transactions came again or were never answered (rule).

It reads the log of frames alone, so it stands beside the ledger, which tells repeats by their keys.
"""

import json
from collections import Counter
from typing import Any

TRANSACTION_ACTIONS = ("StartTransaction", "MeterValues", "StopTransaction", "TransactionEvent")

Json = dict[str, Any]


class Deliveries:
    """Counts messages of transactions by their exact content."""

    def __init__(self) -> None:
        self._came: Counter[tuple[str, str]] = Counter()
        self._unanswered: dict[str, str] = {}
        self._waiting: set[str] = set()

    def take(self, frame: Json) -> None:
        """Note one frame of the back-end's log."""
        match frame["direction"], frame["kind"]:
            case "in", "call" if _is_of_transaction(frame):
                self._came[frame["action"], json.dumps(frame["payload"], sort_keys=True)] += 1
                self._unanswered[frame["message_id"]] = frame["action"]
                self._waiting.add(frame["message_id"])
            case "out", "result" | "error":
                self._unanswered.pop(frame["message_id"], None)
                self._waiting.discard(frame["message_id"])
            case _, "connected" | "disconnected":
                self._waiting.clear()

    @property
    def repeated(self) -> Counter[str]:
        """How often a message came again word for word, by action."""
        found: Counter[str] = Counter()
        for (action, _content), times in self._came.items():
            found[action] += times - 1
        return +found

    @property
    def unanswered(self) -> Counter[str]:
        """Messages that were never answered, by action: each must have come again."""
        return Counter(self._unanswered.values())

    @property
    def is_waiting(self) -> bool:
        """True while the station waits for an answer."""
        return bool(self._waiting)


def _is_of_transaction(frame: Json) -> bool:
    action, payload = frame["action"], frame["payload"]
    return action in TRANSACTION_ACTIONS and (action != "MeterValues" or payload.get("transactionId") is not None)
