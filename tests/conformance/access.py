"""Credentials of a server whose policies are enforced: who there is, and what their keys may do."""

from __future__ import annotations

import json

ACCOUNT = "000000000000"
READER = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem"],
            "Resource": "*",
        },
        {"Effect": "Deny", "Action": "dynamodb:BatchGetItem", "Resource": "*"},
    ]
}
DATA_STREAMS = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream"
CLERK = {
    "Statement": [
        {"Effect": "Allow", "Action": "kinesis:*", "Resource": f"{DATA_STREAMS}/*-clerk-*"},
        {"Effect": "Deny", "Action": "kinesis:*", "Resource": "*/consumer/closed:*"},
        {
            "Effect": "Deny",
            "Action": "kinesis:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestTag/colour": "red"}},
        },
    ]
}
CREDENTIALS = f"""
[[credential]]
access_key_id = "OWNER"
secret_access_key = "secret"
name = "owner"

[[credential]]
access_key_id = "ANN"
secret_access_key = "secret"
name = "ann"

[[credential]]
access_key_id = "ROOT"
secret_access_key = "secret"
name = "root"

[[credential]]
access_key_id = "READER"
secret_access_key = "secret"
name = "reader"
policy = '''{json.dumps(READER)}'''

[[credential]]
access_key_id = "CLERK"
secret_access_key = "secret"
name = "clerk"
policy = '''{json.dumps(CLERK)}'''
"""
