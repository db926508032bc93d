"""Global tables: replicas in several regions that take writes and send them to each other.

Promises that all replicas of a table come to the same items, and that no write is lost but to a
later one of the same item. DESIGN.md says how.

request.py     what UpdateTable asks of a table's replicas
groups.py      replicas added and removed
consultation.py  other servers asked before that
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

Between servers:

wire.py        an operation of a peer called
message.py     what every message begins with, and how it is read
payload.py     items as they are sent
remote.py      items sent, to this server's replicas or another's
state.py       what replicas tell each other of their group and of themselves
blueprint.py   a table as the CreateTable that would make its replica
roster.py      who is in a group (pure)
settings.py    settings that all share, taken over
exchange.py    states exchanged and merged
contacts.py    when that is done, and what is shown when it cannot be
reception.py   what peers send, taken or refused
"""
