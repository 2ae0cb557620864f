"""The one error of this package: what was to be kept is not kept, or cannot be read."""


class StoreError(Exception):
    """Nothing was changed; the message is one sentence that says what is wrong."""
