"""The simulated market: its laws, its universe and its master."""
