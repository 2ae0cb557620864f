"""Runners: a codec and a transport make one interface of `hal.api`."""
