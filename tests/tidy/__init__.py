"""What the tidy test refuses, as pure functions over the texts of files.

A rule takes files and returns one sentence per violation, so that each can be shown to fail on a
planted one.

files.py         a file of the tree, its module name and its syntax tree
sizes.py         modules and functions that have grown too long
determinism.py   time, chance and waiting outside clock.py
layout.py        docstrings, packages without a floor, modules nobody reaches
words.py         unfinished work, paths and words of one machine
documents.py     operations, options, settings and errors that the reference does not name
"""
