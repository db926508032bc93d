"""Records of a stream once more: to a function, to a table, to a sink, or into a file.

source.py       where records come from: a table's stream, or a recording
batches.py      pure: records cut into batches
target.py       what takes batches
to_function.py  a function, as its mapping would call it
to_table.py     a table that is to hold what the records say
to_sink.py      a sink, which reads by itself
run.py          from the source to the target
progress.py     how far it is, shown
server.py       where everything is
options.py      which records are meant
command.py      `headwater replay`
export.py       `headwater export`
"""
