"""A simulated exchange behind the broker's own wire formats."""
