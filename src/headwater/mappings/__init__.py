"""Event source mappings: a function is invoked with the records of a stream.

Promises that a mapping, once its creation was answered, misses nothing written after it, survives
restarts, and changes its settings without losing or skipping a record.

mapping.py    what a mapping is, its states, and its stored form
changes.py    creating, changing and deleting, as work for one commit
source.py     the stream that a mapping reads: a table's, or a data stream
event.py      records as the event a function is given
record_event.py  those of data streams
invoke.py     the function as a destination of batches
response.py   what a function's result says of its batch
failure.py    what is handed to an on-failure destination
report.py     the record it becomes there, and the way to it
local.py      the functions of this server, as mappings invoke them
activity.py   what each mapping does, counted
trace.py      a line of the log for every batch
audience.py   who is told what happens to mappings
service.py    the mappings of a store: asked for, changed, and kept running
"""
