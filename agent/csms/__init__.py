"""The link to a back-end over OCPP."""
