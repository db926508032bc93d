"""The code of functions that tests deploy; it runs in a function's worker, not in a test.

probe.py  does what its event asks for
note.py   writes down the events it is given
"""
