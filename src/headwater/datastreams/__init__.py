"""Data streams: logs that clients put records into, as Kinesis Data Streams has them.

A data stream is a log of `streams/` under an id of its own: the same shards, heads, entries,
wake-ups and retention as a table's, so that whoever reads a table's stream can read it. What is
here is what tables have elsewhere: what a stream is, how its shards change, and how records come in
and out.
Promises that a record which was answered is stored, in the order of its shard's numbers, and is
found until it is older than the stream's retention, whatever splits and merges come.

stream.py      what a data stream is; which shard has a hash
errors.py      what a client is told, in AWS's words
changes.py     a change of a stored stream, as work for one commit
resharding.py  splitting, merging and scaling, within a commit
catalog.py     all data streams: creating, finding, changing, deleting
scaling.py     shards changed for clients
growth.py      shards of streams on demand split under load
writing.py     records to their shards
reading.py     positions and pages
listing.py     which shards a filter lets through
tags.py        tags: how many, and which
consumer.py    consumers registered with a stream
keeper.py      carries streams from the states that pass to those that last
"""
