"""Streams: the sharded log at the heart, and the windows through which it is read.

entry.py      one change: keys, old image, new image; its stored bytes
shard.py      lineage: partitions, splits, rollover, closing; sequence numbers
log.py        append behind a shard's head; read after a sequence number
window.py     streams: windows over a table's log, with label and view type
"""
