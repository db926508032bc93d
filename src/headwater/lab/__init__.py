"""The lab: what developers of stream consumers need and production does not.

clock.py       the time of day, which can be stopped and made to jump
timekeeper.py  moves it, and stores how it stands
journal.py     what happens to records while they are read
story.py       what became of one record
finding.py     finds it by its event id or its item's key
sending.py     what became of the message about records that were given up
drain.py       waits until every consumer has passed all that is written, or names the laggards
outsiders.py   consumers outside the server, registered with it
leases.py      where they stand, by the items of their lease tables
streams.py     trims streams and expires iterators
check.py       looks for faults in a stream
faults.py      decides what meets a fault
erase.py       empties a region
readers.py     tells the present readers of a shard apart
destination.py puts faults between a reader and its destination
"""
