"""Tables, and how their items change.

schema.py      what a table is, and its stored form
streaming_destination.py  a data stream that its changes go to
keys.py        keys of items and index entries, checked, as bytes
definition.py  CreateTable's input to the definition of a table
key_definition.py  keys, indexes and projections as defined, checked
key_form.py    keys and projections in the form in which they are defined and shown
alteration.py  UpdateTable's input to the alteration of a table
altering.py    a table altered
resource_policies.py  policies by their revisions (pure)
tags.py        the rules of tags
catalog.py     the tables there are: found, listed, created, altered, deleted
open_tables.py those that take items, as last seen
table_change.py  a change of one stored table, as work for the committer
creation.py    a table as it begins (pure)
stream_switch.py  a table's stream switched on and off within a change
unsettled.py   tables in states that pass, marked so that they are found
transitions.py from the states that pass to those that last
backfill.py    entries for the items from before a new index, while writes go on
jobs.py        exports and imports as stored
job_runner.py  exports and imports run, those cut short by a restart too
past.py        a table's items at a moment, and its changes between two
export.py      an export: what is asked for, and its stored form
export_filter.py  what an export leaves out: its FilterSpecification
export_files.py  what an export leaves behind: names, lines, manifests
exporter.py    exports made, as a task
imports.py     an import: what is asked for, and its stored form
ion.py         items as lines of Ion and back
import_packing.py  packed objects, unpacked as they are read
import_lines.py  from an object's bytes to lines and items
importer.py    imports made, as a task
backup.py      a backup: what it holds, and its stored form
backups.py     the backups there are: begun, found, listed, deleted
copying.py     backups made beside writes, and erased, in steps
restore.py     the definition of a restored table
restoring.py   a restored table filled from a backup, or from a moment of its source
recovery.py    recovery to a point in time: switched, and what is kept for it
expiry.py      time to live (pure): when items expire, where that is noted
expirer.py     items deleted once they have expired
count.py       how many items there are
partitions.py  open shards: the log switched on and off, splits, rollovers
resharding.py  shards rolled over and split while the table is in use
rollover.py    shards rolled over once they have been open for their time
splitting.py   partitions split whose writes stay above a rate
index.py       old item, new item to index entries
version.py     which write an item of a global table is of (pure)
override.py    what one replica of a global table has otherwise, as stored and told to peers
overriding.py  overrides asked for, and in force (pure)
sharing.py     settings that all replicas have, and which change of each is known (pure)
membership.py  what changes in all replicas of a global table
deletion.py    whether a table may be deleted (pure)
item_collection.py  how large the items of one partition key are (pure)
write.py       THE write path (pure): writes and what is stored to effects
capacity.py    capacity units of reads and writes
throughput.py  token buckets (pure)
units.py       units as they are asked for: provisioned, at most on demand, warm (pure)
metering.py    provisioned capacity enforced
read.py        what a read reads: keys, ranges and segments of tables and indexes
page.py        one page of a query or a scan
statement.py   what a PartiQL statement reads
transact.py    several writes at once, and why they were cancelled
tokens.py      client tokens: what makes a transaction happen once
"""
