"""Who may sign firmware, and who installs it."""
