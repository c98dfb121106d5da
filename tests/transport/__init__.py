"""Tests of the transports over real sockets."""
