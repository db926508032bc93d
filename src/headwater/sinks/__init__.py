"""Sinks: a table's changes, or the items as they are, in a lake, a table and other places.

Promises that every change written after a sink's creation was answered reaches its destination at
least once, the changes of an item in order, and that a sink which begins with the items neither
misses a change nor lets an older image stand for a newer. Reading, leases, positions and retries
are those of `consumers`. DESIGN.md says how.

sink.py         a sink as stored, and its states
request.py      what is asked of a sink, checked
settings.py     the settings of a kind, from texts to its own type
alterations.py  changes of stored sinks
service.py      the sinks of a store: asked for, changed, and kept running
configured.py   the sinks that the configuration file names
selection.py    which records a sink is to see
change.py       a change as it is written; items as plain JSON
transform.py    what is made of changes before they are written
local.py        the functions of this server, as transforms invoke them
pipeline.py     from records to a writer: transform, write, see to what is refused
pipelines.py    the pipelines of this process
destination.py  a sink as a destination of batches
backfill.py     items read with their versions
filler.py       items written, step by step, before the records
failure.py      what is handed to a failure destination
activity.py     what each sink does, counted
verification.py whether a sink holds what its table holds
notes.py        what a writer keeps in the store
kind.py         the seam: what a kind of sink is, and its writer
kinds.py        the kinds there are
extras.py       libraries that not every installation has
schema.py       columns for documents, inferred and added to
columns.py      the schema of a sink, kept with it
lake.py         kind: files of changes
location.py     where they lie
placing.py      each change in one of them
parquet.py      they, as Parquet
table.py        kind: a table derived from a table
derivation.py   what it has of each item, and what changes change there
search.py       kind: an index of OpenSearch or Elasticsearch
search_settings.py where it is, and who writes
search_bulk.py  what is asked of it, and what the answer means
search_client.py the calls
http.py         addresses and answers of HTTP
remote_table.py a table on AWS or another server
webhook.py      kind: batches posted to an address
sqs.py          kind: messages in a queue
sns.py          kind: notifications of a topic
posting.py      changes as messages for either
nats.py         kind: messages in a stream of NATS
email.py        kind: a mail for each batch
letter.py       mails made by templates
templates.py    those templates
smtp.py         mails handed to a server
certificates.py whom they trust over TLS
parcels.py      batches for places that take each delivery as a whole
warehouse.py    kind: tables of a database
merging.py      what a batch makes of them
layout.py       their columns
ledger.py       how far they have come
holdings.py     what is in them
database.py     the seam: what they are kept in
duckdb_file.py  a file of DuckDB
postgres.py     PostgreSQL
"""
