"""Changes of tables put into data streams: DynamoDB's streaming to Kinesis.

Promises that every change from the moment of enabling until that of disabling reaches the data
stream at least once, whatever crashes in between and whatever becomes of the table's own stream.

states.py       pure: a destination enabled, disabled, updated, brought to rest
record.py       a change as the record that a data stream gets
target.py       the data streams of this server, or of another service
destination.py  a data stream as a destination of batches
activity.py     what a destination does, counted; metrics
service.py      all destinations of a store: asked for, and kept running
"""
