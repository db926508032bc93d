from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from headwater.aws import CallFailed
from headwater.sinks.kind import InvalidSettings, Rejected, SinkBroken, SinkUnavailable
from headwater.sinks.posting import Posted, PostingWriter, message_of, refusals, region_of
from tests.sink_writing import batch, change, run


@dataclass
class Calls:
    """`Post`. troubles: what calls fail with, in turn. refused: bodies that are, for good."""

    calls: list[Sequence[Posted]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    refused: str = "refused"
    under_way: int = 0
    under_way_max: int = 0

    async def send(self, messages: Sequence[Posted]) -> Mapping[int, str]:
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self.calls.append(messages)
        if self.troubles:
            code = self.troubles.pop(0)
            raise CallFailed(code, f"it is {code}")
        return {
            place: "no" for place, message in enumerate(messages) if self.refused in message.body
        }


def test_messages_go_in_calls_of_ten_and_of_a_size() -> None:
    calls = Calls()
    small = [change(f"k{n}", n, "x") for n in range(1, 13)]
    large = [change(f"k{n}", n, "x" * 150_000) for n in range(13, 15)]

    run(PostingWriter(calls, is_ordered=True).write(batch(*small, *large)))

    assert [len(call) for call in calls.calls] == [10, 3, 1]
    assert calls.under_way_max == 1


def test_calls_are_made_at_the_same_time_where_no_order_is_kept() -> None:
    calls = Calls()

    changes = [change(f"k{n}", n, "x") for n in range(1, 101)]
    run(PostingWriter(calls, is_ordered=False).write(batch(*changes)))

    assert 1 < calls.under_way_max < 10
    assert sum(len(call) for call in calls.calls) == 100


def test_refused_messages_are_rejected_by_their_place_in_the_batch() -> None:
    changes = [change(f"k{n}", n, "refused" if n == 12 else "x") for n in range(1, 15)]

    rejected = run(PostingWriter(Calls(), is_ordered=False).write(batch(*changes)))

    assert rejected == [Rejected(11, "no")]


def test_messages_of_a_refused_call_are_sent_one_by_one() -> None:
    calls = Calls(troubles=["InvalidParameterValue", "BatchRequestTooLong"])
    changes = [change(f"k{n}", n, "x") for n in range(1, 4)]

    rejected = run(PostingWriter(calls, is_ordered=True).write(batch(*changes)))

    assert [len(call) for call in calls.calls] == [3, 1, 1, 1]
    assert rejected == [Rejected(0, "it is BatchRequestTooLong")]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ThrottlingException", SinkUnavailable),
        ("InternalError", SinkUnavailable),
        ("AWS.SimpleQueueService.NonExistentQueue", SinkBroken),
        ("AuthorizationError", SinkBroken),
        ("InvalidClientTokenId", SinkBroken),
    ],
)
def test_calls_that_fail_are_made_again_or_stop_the_sink(code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"it is {code}"):
        run(
            PostingWriter(Calls(troubles=[code]), is_ordered=False).write(
                batch(change("a", 1, "x"))
            )
        )


def test_failures_of_single_messages_are_told_apart() -> None:
    refused = {"Id": "3", "SenderFault": True, "Code": "InvalidMessageContents", "Message": "bad"}
    busy = {"Id": "1", "SenderFault": False, "Code": "InternalFailure"}

    assert refusals({"Successful": [], "Failed": [refused]}) == {3: "bad"}
    assert refusals({"Successful": []}) == {}
    with pytest.raises(SinkUnavailable, match="InternalFailure"):
        refusals({"Failed": [refused, busy]})


def test_messages_of_an_item_are_a_group() -> None:
    first, second = message_of(change("a", 1, "x")), message_of(change("a", 2, None))
    other = message_of(change("b", 3, "x"))

    assert first.group == second.group != other.group
    assert first.attributes == {"event": "MODIFY", "id": "a-1"}
    assert first.id == "a-1"


def test_characters_that_queues_refuse_are_escaped() -> None:
    message = message_of(change("a", 1, "\ufffe and \uffff"))

    assert "\ufffe" not in message.body
    assert "\uffff" not in message.body
    assert json.loads(message.body)["new"]["v"] == "\ufffe and \uffff"


@pytest.mark.parametrize(
    "arn", ["queue", "arn:aws:sqs:us-east-1:1:q", "arn:aws:sns:us-east-1:000000000000:q"]
)
def test_an_arn_of_something_else_is_refused(arn: str) -> None:
    with pytest.raises(InvalidSettings):
        region_of(arn, "sqs")


def test_partitions_of_aws_have_arns_of_their_own() -> None:
    assert region_of("arn:aws-cn:sqs:cn-north-1:000000000000:q.fifo", "sqs") == "cn-north-1"
