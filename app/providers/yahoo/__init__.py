"""Yahoo Finance: quotes, candles, fundamentals and its stream."""
