"""Tables, and how their items change.

schema.py      what a table is, and its stored form
keys.py        keys of items and index entries, checked, as bytes
partitions.py  open shards: the log switched on and off, splits, rollovers
index.py       old item, new item to index entries
write.py       THE write path (pure): writes and what is stored to effects
capacity.py    capacity units of reads and writes
read.py        what a read reads: keys, ranges and segments of tables and indexes
page.py        one page of a query or a scan
transact.py    several writes at once, client tokens, cancellation reasons
"""
