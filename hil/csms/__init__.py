"""The bench CSMS: OCPP 1.6 and 2.0.1, obedient by default, awkward on demand; knows nothing of the agent."""
