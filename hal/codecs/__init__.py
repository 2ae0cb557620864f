"""Rules: bytes to values and back."""
