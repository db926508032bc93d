"""Throughput, CPU, delay, start-up and memory of a server that runs as its users run it.

    python -m tests.benchmarks [--peers] [--json FILE] [--seconds N] [--rounds N]

Requests are signed beforehand and sent by wrk over keep-alive connections, so what is measured is
the server. Rounds of all servers and operations are interleaved, so that a slow minute of the
machine falls on all of them; medians are printed.

__main__.py     the command: what is measured in which order
servers.py      Headwater and its peers: how each is started and what it can do
peers.py        installs moto_server and dynalite in an environment of their own
signing.py      requests as signed bytes, many thousand a second
workload.py     the tables, and the requests of each operation
load.py         wrk: finds it, runs it, reads its figures
wrk.lua         what wrk sends and reports
usage.py        CPU time and memory of a process and its children
many_items.py   a table of many items beside one of few
filling.py      fills a table or its log with millions while no server runs
many_clients.py a thousand connections, some of which stall
stream_load.py  large pages, idle shards, trimming beside puts
wire.py         requests over several connections at once
figures.py      the figures that stand for themselves, by name
delay.py        from a write to the start of the function it triggers
reader_delay.py from a commit to a reader that waits for it
invoke.py       invocations of a function that is warm
mappings.py     records through a mapping, and mappings that are idle
report.py       medians, the printed table, the JSON with machine and commit
"""
