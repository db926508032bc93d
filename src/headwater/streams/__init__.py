"""Streams: the sharded log at the heart, and the windows through which it is read.

See DESIGN.md.

entry.py      one change, or one record of a data stream; its stored bytes
shard.py      lineage: partitions, splits, merges, rollover, closing; sequence numbers
log.py        append behind a shard's head; read after a sequence number
window.py     streams: windows over a table's log, with label and view type
listing.py    which streams and shards can be seen now
position.py   where in a shard reading starts: horizon, latest, a number, a time
page.py       one page of a shard, up to its end
iterator.py   shard iterator tokens
render.py     an entry as a stream record or a record of Lambda's event
load.py       how many entries a second a shard takes, and for how long too many
retention.py  trims what is older than a day
"""
