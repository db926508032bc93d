"""Consumers: reading the shards of a stream for any destination.

Promises delivery at least once, in order within every lineage of shards, and that a stored
position never passes a record which was neither confirmed nor given up with a word in the log.
See DESIGN.md.

delivery.py     what a destination is: batches in, outcomes out; what a consumer wants to see
observer.py     what happens while a shard is read, for metrics, traces and displays
policy.py       pure: what next, after this outcome, at this time
checkpoint.py   leases and positions, stored so that a lost lease cannot move a position
reader.py       the loop of one shard
members.py      the processes that share a store, and the share of each
coordinator.py  who reads which shard; parents before children
"""
