"""The local face of the station; not built yet."""
