"""`python -m hil.csms`."""

import sys

from hil.csms.cli import main

sys.exit(main())
