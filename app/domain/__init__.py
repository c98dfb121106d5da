"""The vocabulary of the service: frozen, slotted dataclasses and pure functions; standard library only."""
