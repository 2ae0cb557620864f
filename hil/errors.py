"""What keeps the bench, its processes or its control sockets from working (values)."""


class StationError(Exception):
    """What failed, in one sentence for whoever watches."""
