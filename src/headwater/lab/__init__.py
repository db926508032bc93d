"""The lab: what developers of stream consumers need and production does not.

drain.py    waits until every consumer has passed everything written so far, or names the laggards
streams.py  trims streams and expires iterators
check.py    looks for faults in a stream
"""
