"""Queues: as much of SQS as a dead-letter queue needs, so that one works out of the box.

Promises delivery at least once: a message that was taken stays until it is deleted or too old, and
is hidden from others for a while each time it is received. Standard queues only.

queue.py      a queue and its attributes
message.py    a message, where it is stored, and its digests
store.py      the work of one commit: created, sent, received, deleted
service.py    the queues of a store, and waiting for messages
sender.py     queues of this server as destinations of the outbox
"""
