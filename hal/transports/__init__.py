"""Runners that carry bytes: serial ports, TCP, and a pipe in memory for virtual time."""
