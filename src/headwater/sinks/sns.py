"""The kind `sns`: a notification for each change, published to a topic of SNS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from headwater.aws import AwsService
from headwater.limits import KB
from headwater.sinks.kind import Kind, Opening, Pace, Writer
from headwater.sinks.posting import Called, Operation, PostingWriter, is_ordered, region_of
from headwater.sinks.settings import means

_CALL: Final = Operation("publish_batch", "TopicArn", "PublishBatchRequestEntries", "Message")


@dataclass(frozen=True, slots=True)
class SnsSettings:
    """Settings of a topic."""

    topic: str = field(metadata=means("The topic's ARN: `arn:aws:sns:REGION:ACCOUNT:NAME`."))
    endpoint: str | None = field(
        default=None,
        metadata=means(
            "Address of a service that speaks SNS's protocol; else the server's `sns_endpoint`, "
            "else AWS's own."
        ),
    )

    def __post_init__(self) -> None:
        region_of(self.topic, "sns")


async def _open(opening: Opening) -> Writer:
    settings: SnsSettings = opening.settings
    region = region_of(settings.topic, "sns")
    own = f"https://sns.{region}.amazonaws.com"
    endpoint = settings.endpoint or opening.around.sns_endpoint or own
    call = Called(AwsService("sns", endpoint, region), _CALL, settings.topic)
    return PostingWriter(call, is_ordered=is_ordered(settings.topic))


KIND: Final = Kind(
    "sns",
    "A notification for each change, to the subscribers of a topic.",
    SnsSettings,
    _open,
    Pace(100, 1000, 256 * KB, 0.0),
)
