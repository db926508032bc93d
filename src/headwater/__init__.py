"""Headwater: a table store that speaks DynamoDB's wire protocol, built around its change stream.

Floors, top to bottom; imports point downward only:

    cli            commands; all but `serve`, `verify` and `backup` are clients of the API
    testing        for tests of other people's systems, on their side: the pytest plugin
    app            reads configuration, chooses the engine, starts tasks
    api            the wire: HTTP, shapes, handlers
    lab            for tests of other people's systems
    audit          proof that a store is whole and its streams tell the truth
    mappings       event source mappings
    replication    global tables
    streaming      changes of tables put into data streams
    sinks          changes in a lake, another table and other places
    functions      function workers and their runtime API, beside
    auth           signatures and credentials, beside
    queues         as much of SQS as a dead-letter queue needs
    consumers      reading shards, for any destination, beside
    outbox         messages for queues, topics, buckets and functions, kept until they are there
    tables         tables, and how items change, beside
    datastreams    data streams: logs that clients put records into
    streams        the sharded log of changes
    storage        an ordered map of bytes with atomic commits
    expressions    the expression language
    values         what an item is
    config         settings, beside
    consumer       a library to consume streams, for programs outside a server, and
    telemetry      logs and metrics
    arn.py         resource names
    aws.py         AWS's services, called by boto3
    clock.py       time and chance
    errors.py      what a client is told
    limits.py      every limit by name
    peers.py       other servers, which have other regions
    threads.py     blocking calls that nobody has to wait for
"""

__version__ = "0.1.0"
