"""The whole service, over real sockets, in front of the sandbox exchange."""
