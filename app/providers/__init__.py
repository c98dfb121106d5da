"""Adapters: vendors' wires on one side, ports and domain objects on the other."""
