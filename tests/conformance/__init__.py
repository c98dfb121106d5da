"""Numbered cards that every provider must pass, over real sockets."""
