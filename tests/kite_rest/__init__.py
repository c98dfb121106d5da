"""The Kite REST provider, over real sockets."""
