"""The servers that are compared, each a process of its own, and the exchange behind ours."""
