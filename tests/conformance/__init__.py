"""What a client can observe, on a real server or, with --aws, on AWS itself.

Every assertion is a fact about DynamoDB and its streams; what only Headwater has is `local_only`.

conftest.py         shared tables, raw HTTP
definition.py       definitions of tables and indexes
expectation.py      how a refusal is expected
aws_cli.py          the AWS CLI as a user runs it
wire.py             requests as bytes, signed, without an SDK
stream_reading.py   following a table's stream
"""
