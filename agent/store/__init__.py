"""One SQLite file, one writer thread, one module per table."""
