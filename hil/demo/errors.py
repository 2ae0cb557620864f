"""Why a demo ends early (values); whatever else fails is a `StationError`."""

from hil.errors import StationError


class DemoInterruptedError(StationError):
    """Somebody pressed Ctrl-C, or ended the demo in another way."""
