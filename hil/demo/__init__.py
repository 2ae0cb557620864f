"""`pilotline-bench demo`: one charging session, played with the real processes and checked at every step."""

from hil.demo.command import add_arguments, run

__all__ = ["add_arguments", "run"]
