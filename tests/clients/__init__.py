"""The JavaScript clients that web pages use, against the whole service."""
