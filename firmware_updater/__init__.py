"""The privileged updater; not built yet."""
