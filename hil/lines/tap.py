"""Listening to a line (value)."""

from collections.abc import Callable

from hal.codecs.recording import Direction

Tap = Callable[[Direction, bytes], None]
"""Takes every chunk that passes, with its direction."""


def no_tap(_direction: Direction, _data: bytes) -> None:
    """Nobody listens."""
