"""The least that can answer a safety board: a frame that opens for each report, with nothing else to do.

What it takes from report to frame is what kernel, terminal and scheduler take at least. Run as `python -m
tests.benchmarks.bare_host LINE`; reads and writes block.
"""

import os
import sys
import tty

from hal.codecs.safety_frame import SafetyFrameDecoder, encode_frame
from hal.codecs.safety_values import X1_DUTY_PERMILLE, ChargeControl

READ_SIZE = 4096
OPEN = encode_frame(ChargeControl(pwm_enabled=True, duty_permille=X1_DUTY_PERMILLE).frame())


def main(line: str) -> None:
    """Answer until the line is gone."""
    fd = os.open(line, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    decoder = SafetyFrameDecoder()
    while data := os.read(fd, READ_SIZE):
        for _ in decoder.feed(data):
            os.write(fd, OPEN)


if __name__ == "__main__":
    main(sys.argv[1])
