"""All quirks by name."""

from hil.csms.zoo.answers import ANSWERS
from hil.csms.zoo.payloads import PAYLOADS
from hil.csms.zoo.quirk import Quirk
from hil.csms.zoo.requests import REQUESTS
from hil.csms.zoo.sockets import SOCKETS

QUIRKS = {quirk.name: quirk for quirk in (*ANSWERS, *PAYLOADS, *SOCKETS, *REQUESTS)}


def quirk_named(name: str) -> Quirk:
    """Look a quirk up. Raises: ValueError for a name that is none."""
    quirk = QUIRKS.get(name)
    if quirk is None:
        raise ValueError(f"unknown quirk {name!r}; known: {', '.join(sorted(QUIRKS))}")
    return quirk
