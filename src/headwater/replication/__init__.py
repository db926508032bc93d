"""Global tables: replicas in several regions that take writes and send them to each other.

Promises that all replicas of a table come to the same items, and that no write is lost but to a
later one of the same item. DESIGN.md says how.

request.py     what UpdateTable asks of a table's replicas
groups.py      replicas added and removed
keeper.py      links and replicas looked after, from state to state
link.py        a link, from one replica to another, as stored
changes.py     changes of stored links
service.py     links running
send.py        what has changed, sent: the destination at the end of a link
scan.py        everything sent
receive.py     what arrives, applied
conflict.py    which of two writes stays
tombstones.py  what is kept of deleted items, and for how long
latency.py     how long it takes
"""
