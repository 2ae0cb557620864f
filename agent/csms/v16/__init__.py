"""OCPP 1.6J: a projection of the domain."""
