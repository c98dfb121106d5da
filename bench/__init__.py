"""Benchmarks: how fast, against what, on this machine. Run by `make bench`; nothing here is part of the service.

`make bench` (`python -m bench`) measures everything and writes build/bench.json. For a part of it:

    python -m bench.peers                        # all workloads against every peer
    python -m bench.peers q50 c5000              # these alone: q1 q50 c500 c5000 fan fan-different fan-1000 ...
    python -m bench.peers q50 --servers ours     # this server alone: ours strawberry fastapi mercurius graphql-ws
    python -m bench.peers --quick                # one short round each: a first look, no figure to quote
    python -m bench.latency                      # from tick to client
    python -m bench.start                        # start and memory with the full master
    python -m bench.intake | master | candles    # the ticker, the instrument master, the candle store

Each server is a process of its own behind a real socket, and so is the load. Servers take turns round by round, so that
a busy machine slows all of them alike; what is compared are ratios of medians. In brackets stands the same figure by a
second of the server's processor time, which neighbours on the machine change least. Before each run a server's answer
is compared with everybody's; ours must have asked its source for nothing. Logs of the servers: build/bench-logs.
The table says of how many runs a median is; all together takes about eight minutes.
"""
