"""The Kite session, from the login's first click to its end at six in the morning."""
