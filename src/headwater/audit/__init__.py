"""Proof, from stored bytes alone, that a store is whole and that its streams tell the truth.

It reads and never writes, a bounded page at a time, over any engine: `headwater verify` over a
directory nobody serves, the lab over a server's own store, tests over what a crash left. Where a
check says that nothing is wrong, what it looked at agrees with everything else that depends on it.

directory.py  a data directory that nobody serves
whole.py      all checks, in order
report.py     what was looked at, and what is wrong with it
reading.py    everything between two keys; values that cannot be read
catalog.py    tables, their partitions and streams
datastreams.py  data streams, their open shards and their consumers
items.py      items, and the sizes of their collections
entries.py    entries of indexes and of time to live, both ways
backups.py    backups, exports and imports
shards.py     shards: lineage, heads, trim points
log.py        log entries, and streams replayed to their tables
story.py      what the records of a stream tell, one after the other
lines.py      the shards of a stream, read on from where they were left
consumers.py  mappings, leases and positions
replicas.py   replicas that know each other, links, versions of items
functions.py  functions, versions and layers with their code, what is pending
queues.py     queues and their messages, and the outbox
sinks.py      sinks, and what is stored for them
settings.py   what a store keeps one of, and the lease of its leader
"""
