"""The report of the bench: results of scenarios as one self-contained page."""
