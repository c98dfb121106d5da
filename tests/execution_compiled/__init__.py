"""Compiled selections answer what ordinary execution answers, byte for byte, and really are compiled."""
