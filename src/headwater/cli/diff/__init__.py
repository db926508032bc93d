"""What a function would have written, held against what is there.

The function runs, unchanged, in a region of its own (the shadow), into which the tables that it
writes are copied. Decision 0024 says why.

differences.py  pure: two items compared, path by path
shadow.py       the region: tables and function in it, and gone from it
tables.py       a table copied into it, as it is, as it was, or empty
compare.py      a table held against its shadow
report.py       what was found, to read
command.py      `headwater diff`
"""
