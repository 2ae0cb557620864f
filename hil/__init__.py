"""The bench: simulated hardware and a bench CSMS that speak the real wire protocols."""
