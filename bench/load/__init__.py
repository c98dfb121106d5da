"""Load generators, each a process of its own: JSON on standard input says what to do."""
