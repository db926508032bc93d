from __future__ import annotations

import orjson
import pytest

from headwater.limits import outbox_attempts_max, outbox_retry_seconds_max
from headwater.outbox.message import Message, decode, encode, service_of

MESSAGE = Message(
    "mapping/1", "us-east-1", "arn:aws:sqs:us-east-1:000000000000:q", b'{"a":"\xc3\xa9\\n"}', "k"
)


def test_stored_message_is_read_as_it_was() -> None:
    assert decode(encode(MESSAGE)) == MESSAGE


def test_stored_form_is_a_header_and_the_body_as_it_is() -> None:
    header, body = encode(MESSAGE).split(b"\n", 1)

    assert body == MESSAGE.body
    assert orjson.loads(header) == {
        "v": 1,
        "source": "mapping/1",
        "region": "us-east-1",
        "destination": MESSAGE.destination,
        "object_key": "k",
        "attributes": {},
        "attempts": 0,
    }


def test_waits_double_up_to_a_limit_and_end() -> None:
    waits = []
    message: Message | None = MESSAGE
    while message is not None:
        waits.append(message.wait_seconds())
        message = message.tried()

    assert len(waits) == outbox_attempts_max
    assert waits[:4] == [0, 1, 2, 4]
    assert max(waits) <= outbox_retry_seconds_max


@pytest.mark.parametrize(
    ("arn", "service"),
    [
        ("arn:aws:sqs:us-east-1:000000000000:q", "sqs"),
        ("arn:aws:s3:::bucket", "s3"),
        ("arn:aws-cn:lambda:cn-north-1:000000000000:function:f", "lambda"),
        ("", ""),
        ("arn:aws", ""),
        ("urn:aws:sqs:x", ""),
    ],
)
def test_service_is_the_third_part_of_an_arn(arn: str, service: str) -> None:
    assert service_of(arn) == service
