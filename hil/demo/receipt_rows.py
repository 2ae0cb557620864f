"""The receipt in words (rule)."""

from decimal import Decimal

from hil.demo.receipt import Energy, Messages, Reactions, Receipt

Row = tuple[str, str]


def receipt_rows(receipt: Receipt) -> list[tuple[str, list[Row]]]:
    """Sections with a label and a value in each row."""
    return [
        ("Energy", _energy(receipt.energy)),
        ("Messages", _messages(receipt.messages)),
        ("Reactions", _reactions(receipt.reactions)),
    ]


def verdict(receipt: Receipt) -> str:
    """Say in one sentence how it went."""
    if receipt.problems:
        return "Failed: " + "; ".join(receipt.problems)
    return f"One whole charging session over OCPP {receipt.version} in {receipt.duration_s:.0f} s: everything agrees"


def _energy(energy: Energy) -> list[Row]:
    metered = f"{energy.metered_wh:.3f} Wh   {energy.register_start_wh:.3f} to {energy.register_stop_wh:.3f} Wh"
    ends = f"{_wh(energy.billed_start_wh)} to {_wh(energy.billed_stop_wh)} Wh"
    billed = f"{_wh(energy.billed_wh)} Wh   {ends}, whole Wh"
    return [("meter register", metered), ("billed", billed)]


def _messages(messages: Messages) -> list[Row]:
    return [
        ("sent by the station", f"{messages.requests}, of the transaction {messages.transactional}"),
        ("queued while offline", f"{messages.queued}, delivered in order"),
        ("sent twice", str(messages.repeats)),
    ]


def _reactions(reactions: Reactions) -> list[Row]:
    return [
        ("tap to offer", _seconds(reactions.tap_to_offer_s)),
        ("tap to first message", f"{_seconds(reactions.tap_to_message_s)}   of the transaction"),
        ("plug-out to contactor open", f"{_seconds(reactions.unplug_to_open_s)}   board filters for 0.355 s"),
        ("network back to online", f"{_seconds(reactions.reconnect_s)}   retries every 2 s here"),
    ]


def _wh(value: Decimal | None) -> str:
    return "?" if value is None else f"{value:.0f}"


def _seconds(value: float | None) -> str:
    return "not seen" if value is None else f"{value:.3f} s"
