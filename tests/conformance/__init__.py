"""The conformance page of OCPP 1.6 and its security white paper: what is built, and by which tests that is proved."""
