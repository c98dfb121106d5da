"""The Kite ticker: decoder, connections, source."""
