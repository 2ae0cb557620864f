"""What the terminal views share: colours of the pilot, and a gauge (value; needs rich)."""

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

FULL_SCALE_A = 32
BAR_WIDTH = 16
PILOT_STYLES = {"A": "dim", "B": "yellow", "C": "bold green", "D": "bold green", "E": "bold red", "F": "bold red"}


def gauge(current_a: float, style: str) -> Table:
    """Draw a current as a bar with its value."""
    table = Table.grid(padding=(0, 1))
    bar = ProgressBar(
        total=FULL_SCALE_A, completed=current_a, width=BAR_WIDTH, complete_style=style, finished_style=style
    )
    table.add_row(bar, f"{current_a:4.1f} A")
    return table


def contactor_text(*, closed: bool) -> Text:
    """Say whether power can flow."""
    return Text("closed", "bold green") if closed else Text("open", "dim")
