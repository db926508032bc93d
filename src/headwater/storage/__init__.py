"""Storage: an ordered map of bytes with atomic, durable commit groups.

See DESIGN.md.

engine.py       Engine: get, scan, commit group; and everything they promise
keyspace.py     the one map of what is stored under which prefix; keys of tables and logs
function_keys.py   keys of functions
delivery_keys.py   keys of whoever reads changes, and of what is on its way
committer.py    gathers waiting work into one durable commit; wakes readers after it
memory.py       the map in memory
sqlite.py       the map in one SQLite file
snapshot.py     the SQLite file as it is at one moment, for checks and copies
duplicate.py    a data directory copied whole while a server uses it
erase.py        everything between two keys deleted, in bounded commits
scratch.py      a map on disk for one piece of work
hold.py         keeps a data directory for one server
turn.py         whose turn it is to write, among processes that share a store
relay.py        passes wake-ups on between such processes
board.py        counters in shared memory: whether another process has done something
tally.py        how much is under way at once in all of them, by name
objects.py      objects by bucket and key, as files below a directory
s3.py           objects in S3, or in a service that speaks its protocol
shared_read.py  one transaction of SQLite for the reads of one turn of the loop
checkpoint.py   moves SQLite's write-ahead log into its file, beside the write path
"""
