"""Yahoo's endpoints over the simulated market: the cookie, quotes, charts, summaries, search, and the stream."""
