"""Version of this software; also the default firmware version that a station reports."""

VERSION = "0.1.0"
