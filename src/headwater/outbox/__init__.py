"""What has to reach a destination outside the store: kept until it is there.

Records of failed batches and results of asynchronous invocations are sent to queues, topics,
buckets and functions. Whoever has such a message puts it here, in a commit, and goes on at once;
it is sent in the background, tried again for a while, and counted when it is lost.

message.py  a message, its stored form, and when it is tried again
outbox.py   the messages that wait: put, sent, tried again, given up
sender.py   what sends to one kind of destination, and the choice among them
services.py queues and topics of AWS's, or of what speaks their protocols; buckets
"""
