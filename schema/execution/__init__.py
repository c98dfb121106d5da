"""From a request to its result: parse, limit, validate, execute."""
