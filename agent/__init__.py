"""The charging station: sessions, their journal, and the link to the back-end."""
