"""Rules and values only: what happens in a session and why."""
