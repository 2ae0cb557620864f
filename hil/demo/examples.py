"""What to type while a demo is kept running (rule)."""

from pathlib import Path

_REPORT = """'payload={"requestId": 1, "reportBase": "FullInventory"}'"""


def examples(version: str, bench: Path, csms: Path, token: str) -> list[tuple[str, str]]:
    """Pairs of what happens and the command that makes it happen."""
    to_bench, to_csms = f"pilotline-bench ctl --control {bench}", f"pilotline-bench ctl --control {csms}"
    return [
        ("plug a car in", f"{to_bench} plug_in evse=1 current_a=16"),
        ("tap the card that the back-end knows", f"{to_bench} swipe token={token}"),
        ("tap one that it does not know", f"{to_bench} swipe token=DEADBEEF"),
        ("look at everything", f"{to_bench} state evse=1"),
        ("short the diode of the car, and mend it", f"{to_bench} fault evse=1 kind=diode; {to_bench} clear evse=1"),
        ("unplug", f"{to_bench} plug_out evse=1"),
        ("cut the connection once", f"{to_csms} drop"),
        ("see what the back-end would bill", f"{to_csms} ledger"),
        ("ask the station something", f"{to_csms} send {_question(version)}"),
    ]


def _question(version: str) -> str:
    return "action=GetConfiguration" if version == "1.6" else f"action=GetBaseReport {_REPORT}"
