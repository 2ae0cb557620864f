"""Stories are as quiet as the agent's own log."""

import logging

for library in ("transitions", "pymodbus", "websockets"):
    logging.getLogger(library).setLevel(logging.ERROR)
