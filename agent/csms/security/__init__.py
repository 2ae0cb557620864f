"""Certificates, keys, passwords and the security profile of this station towards its back-ends."""
