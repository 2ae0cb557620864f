"""Why a demo ends early (values)."""


class DemoError(Exception):
    """What failed, in one sentence for whoever watches."""


class DemoInterruptedError(DemoError):
    """Somebody pressed Ctrl-C, or ended the demo in another way."""
