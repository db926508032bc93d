"""`headwater demo`: a real git history flows through a table, its stream and a function.

command.py    the command: runs the steps, shows progress
report.py     prints the proofs, the shards and the figures
history.py    a git history as changes, a git tree as items
replay.py     writes the changes
proofs.py     proves tables and stream from what any client can read
malformed.py  a record that the function cannot read, and what became of it
onward.py     where it flows on: another region, a lake, a warehouse, a mailbox
mailbox.py    the mail server for that
server.py     starts a server of its own
function/     the function that maintains the derived table; deployed as it is
"""
