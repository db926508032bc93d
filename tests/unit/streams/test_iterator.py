from __future__ import annotations

import pytest

from headwater.errors import ExpiredIteratorException, ValidationException
from headwater.storage.keyspace import SequenceNumber, ShardId
from headwater.streams.iterator import Iterators, ShardIterator

NOW = 1_700_000_000.0
ARN = "arn:aws:dynamodb:us-west-2:000000000000:table/t/stream/2015-05-20T20:51:10.252"
SHARD = ShardId("shardId-00000001414576573621-f55eea83")
POINTED = ShardIterator(ARN, SHARD, SequenceNumber(2**63 + 5), int(NOW * 1000))


def test_token_has_the_form_of_awss_and_reads_back() -> None:
    iterators = Iterators(b"secret")

    token = iterators.token(POINTED)

    assert token.startswith(f"{ARN}|1|")
    assert len(token) <= 2048
    assert iterators.read(token, NOW) == POINTED


def test_token_is_good_for_fifteen_minutes_at_any_server_with_the_secret() -> None:
    token = Iterators(b"secret").token(POINTED)

    assert Iterators(b"secret").read(token, NOW + 900) == POINTED
    with pytest.raises(ExpiredIteratorException):
        Iterators(b"secret").read(token, NOW + 900.1)


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "|1|",
        f"{ARN}|1|",
        f"{ARN}|1|AAAA",
        f"{ARN}|1|ä",
        f"{ARN}|1|" + "A" * 60,
        Iterators(b"other").token(POINTED),
        Iterators(b"secret").token(POINTED).replace("table/t/", "table/u/"),
        Iterators(b"secret").token(POINTED)[:-1],
    ],
)
def test_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(ValidationException, match=r"^Invalid ShardIterator$"):
        Iterators(b"secret").read(token, NOW)
