"""Lines between the simulated devices and whoever drives them."""
