"""Which data stream a request means, and what of a request on one is refused.

Source: API Reference of each operation; texts ours where AWS's are not known.
"""

from __future__ import annotations

from headwater.api.operation import Call
from headwater.api.shapes import Input
from headwater.arn import DataStreamName, parse_data_stream
from headwater.datastreams import errors
from headwater.errors import InvalidArgumentException, ValidationException

# A name beside what is refused of it: only these values ask for nothing.
_REFUSED = {
    "StreamId": (),
    "WarmThroughputMiBps": (0,),
    "RecordDistributionStrategy": ("USER_PARTITION_KEY",),
    "DryRun": (False,),
}


def refuse_unsupported(asked: Input) -> None:
    """Refuse by name what is not built."""
    for name, neutral in _REFUSED.items():
        if name in asked and asked[name] not in neutral:
            raise ValidationException(f"{name} is not supported by Headwater")


def stream_of(call: Call, account: str) -> str:
    """The name of the stream that a request gives by name, by ARN or by both.

    Raises InvalidArgumentException, ResourceNotFoundException.
    """
    refuse_unsupported(call.input)
    name: str | None = call.input.get("StreamName")
    arn = call.input.get("StreamARN")
    if arn is None:
        if name is None:
            raise InvalidArgumentException(
                "Either StreamName or StreamARN must be specified in the request."
            )
        return name
    named = stream_name(call.region, account, arn)
    if name not in (None, named.stream):
        raise InvalidArgumentException(
            f"StreamName {name} and StreamARN {arn} do not refer to the same stream."
        )
    return named.stream


def stream_name(region: str, account: str, arn: str) -> DataStreamName:
    """What the ARN of a stream, or of a consumer of one, says; it is to be of this account's.

    Raises InvalidArgumentException, ResourceNotFoundException.
    """
    name = parse_data_stream(arn)
    if name is None:
        raise InvalidArgumentException(f"Invalid ARN: {arn}")
    if (name.region, name.account) != (region, account):
        raise errors.stream_missing(name.stream, name.account)
    return name
