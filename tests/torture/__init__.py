"""Servers killed with -9 at random moments under load, and proof after each kill.

`make torture KILLS=200` runs it; `tests/scenarios/test_crash.py` runs a few kills of it. One seed
decides everything that is chosen here: what is written, what is under way, when the server dies.
What the operating system does in between is its own, so a seed repeats a run nearly, not exactly.

__main__.py  the command: kills, seed, where to keep the directory
cruelty.py   rounds of load, kill, proof, restart
world.py     the tables, what is known of them, who asks
journal.py   writes sent and answered: what each item must be, and what its records must tell
load.py      clients that write
works.py     what takes longer than a request: begun before a kill, to be finished after it
moments.py   copies of one moment: backups, restorations, exports
follower.py  a consumer outside the server, which survives every kill
mapped.py    the consumers inside it: functions that follow by lanes and by windows, and that fail
invoked.py   asynchronous invocations, versions of functions
letters.py   a queue
globe.py     a global table, written in two regions
function/    functions that write down what they are given
"""
