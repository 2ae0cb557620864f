"""Charge controllers on Modbus as data: one profile per model."""
