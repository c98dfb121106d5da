"""The instrument master: look-ups, ranked search, the sync of each morning."""
