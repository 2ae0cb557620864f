"""What the commands of the bench have in common: their exit codes, and how they say what is wrong (rule)."""

import sys

DONE, FAILED, WRONG_USAGE = 0, 1, 2


def complain(command: str, sentence: str, code: int) -> int:
    """Say on standard error what is wrong and what to do; gives the exit code back."""
    print(f"{command}: {sentence}", file=sys.stderr)
    return code
