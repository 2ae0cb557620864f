"""Simulated devices: bytes in, bytes out, no descriptors; they live on whatever event loop runs them."""
