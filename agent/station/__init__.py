"""Runners of the domain: they own an EVSE, the journal, the samples."""
