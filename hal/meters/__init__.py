"""Register maps of energy meters, one data file a model."""
