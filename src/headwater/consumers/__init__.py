"""Consumers: reading the shards of a stream for any destination.

Promises delivery at least once, in order within every lineage of shards, and that a stored
position never passes a record which was neither confirmed nor given up with a word in the log.
See DESIGN.md.

delivery.py     what a destination is: batches in, outcomes out; what a consumer wants to see
filter.py       pure: filter criteria, the patterns that records are held against
selection.py    they, as a reader asks for them
observer.py     what happens while a shard is read, for metrics, traces and displays
counting.py     what consumers of a kind have counted, as metrics
consumer.py     who reads a stream, and what every reader works with
policy.py       pure: what next, after this outcome, at this time
window.py       pure: tumbling windows and their states
checkpoint.py   leases and positions, stored so that a lost lease cannot move a position
lane.py         the records of a shard's lane, and what it does next with them
feed.py         reads a shard on and shares its records out among the lanes
reader.py       the loop of one shard
watch.py        looks at the heads of all shards that are read
members.py      the processes that share a store, and the share of each
leadership.py   which process does the work that one alone may do
registration.py consumers outside the server, as the lab knows them
coordinator.py  who reads which shard; parents before children
progress.py     where a consumer stands, shard by shard
upkeep.py       keeps consumers running as they are stored
"""
