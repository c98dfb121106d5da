"""Option chains, from the instrument master and batched quotes."""
