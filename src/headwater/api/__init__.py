"""The wire: AWS's protocols in, calls of handlers out.

Promises that what reaches a handler has the types and meets the limits of AWS's model, and that
whatever a handler raises leaves as an answer an AWS client understands.

    message.py      requests and responses of HTTP as values
    reception.py    a client's bytes to whole requests
    exchange.py     one request's way through its handler
    connection.py   one client's connection: to the handler, and answers in turn
    http.py         listening, TLS, stopping
    acceptor.py     connections shared out among the processes of a port
    model/          the generated tables of request shapes, and reading them
    predicates.py   is this body valid as it stands? (fast; says only yes or no)
    conversion.py   wrong types, in AWS's words; what is null or unknown is left out
    constraints.py  every violated limit of the model, in AWS's words
    shapes.py       services and operations: the three above behind one `check`
    routes.py       Lambda's paths to operations; path, query and headers into one input
    wires.py        the JSON protocols and CBOR: bodies, errors, answers
    cbor.py         CBOR to values as JSON has them, and back
    reply.py        answers and errors as bytes and headers
    operation.py    a request to its operation, checked, to its handler
    streams.py      handlers of DynamoDB Streams
    mappings.py     handlers of Lambda's event source mappings
    mapping_form.py     mappings as Lambda's API writes them
    lambda_tags.py      tags of functions and of mappings
    mapping_progress.py DescribeMapping, of our own
    sinks.py        operations on sinks, of our own
    queues.py       handlers of queues
    streaming_destinations.py  the data streams that a table's changes go to
    data_stream_names.py  which data stream a request means
    data_streams.py handlers of data streams
    stream_shards.py  their shards
    stream_records.py  their records
    stream_consumers.py  consumers registered with them, tags
    tables.py       handlers of the operations on tables
    resource_arn.py the ARN of a table or of a stream
    resource_policies.py  PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy
    permissions.py  a request to the accesses it needs leave for
    condition_keys.py  what policies may ask about a request
    gate.py         whether policies let a request through
    time_to_live.py UpdateTimeToLive, DescribeTimeToLive
    table_description.py  a table as DescribeTable shows it
    backups.py      backups, recovery to a point in time, restored tables
    backup_description.py  a backup as DescribeBackup shows it
    exports.py      exports of tables
    imports.py      tables made of objects
    peers.py        what servers tell each other about global tables
    old_global_tables.py  global tables of version 2017.11.29, which are refused
    job_pages.py    pages of exports and imports
    binding.py      a request's expressions, bound to its placeholders
    drafts.py       a request to the write it asks for
    answer.py       answers spliced from stored items
    accounting.py   consumed capacity, sizes of item collections
    item_services.py  what the handlers of items work with
    items.py        PutItem, GetItem, UpdateItem, DeleteItem
    queries.py      Query, Scan
    batches.py      BatchGetItem, BatchWriteItem
    transactions.py TransactWriteItems, TransactGetItems
    statement_request.py  a PartiQL statement to the read or the write it asks for
    statements.py   ExecuteStatement
    statement_groups.py  BatchExecuteStatement, ExecuteTransaction
    next_token.py   where a SELECT goes on
    functions.py    handlers of Lambda's functions
    function_form.py  functions as Lambda's API writes them
    function_name.py  which function a request means
    function_code.py  code that is sent along, or lies in a bucket
    function_versions.py  versions and aliases
    function_settings.py  concurrency, asynchronous settings, tags, the account
    function_policies.py  who may invoke, as stored
    function_logs.py  our operation on logs
    invoke.py       Invoke
    layers.py       layers
    locations.py    addresses to download code from
    paging.py       Lambda's lists in pages
    lab.py          the lab's own operations
    lab_clock.py    those of them on its clock
    lab_consumers.py  those of them on consumers outside the server
    lab_streams.py  those of them on streams
    lab_story.py    the one that tells of a record
    lab_faults.py   those of them on faults
    lab_region.py   that of them on a whole region
    fault_kinds.py  which faults can befall which operation
    patience.py     descriptions that wait for the end of a state that passes in a moment
    faulty.py       faults between the dispatcher and the handlers
    faulty_records.py  those of records of data streams
"""
