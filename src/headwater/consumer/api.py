"""What the library asks of AWS: one call at a time, by the operation's name.

`StreamsApi` and `TablesApi` in a program are boto3 clients behind `aws.BotoApi`; whatever else
answers as the service does will do, and a test may pass requests straight to a server's handlers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from headwater.clock import Chance, Clock

UNREACHABLE: Final = "Unreachable"
CONDITION_FAILED: Final = "ConditionalCheckFailedException"
NOT_FOUND: Final = "ResourceNotFoundException"
IN_USE: Final = "ResourceInUseException"
TRIMMED: Final = "TrimmedDataAccessException"
EXPIRED: Final = "ExpiredIteratorException"
INVALID: Final = frozenset({"ValidationException", "ParamValidationError"})
# What trying again later may help with: refused for the rate, or a fault of the service's.
_TRANSIENT: Final = frozenset(
    {
        UNREACHABLE,
        "InternalFailure",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
    }
)


class CallFailed(Exception):
    """A call was refused or got no answer.

    code: of the service's error; `UNREACHABLE` where no answer came, so that the call may have been
    carried out all the same. item: what a failed condition was tested on, where it was asked for.
    """

    def __init__(self, code: str, message: str = "", item: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
        self.item = item

    @property
    def is_transient(self) -> bool:
        """Whether the same call may succeed later."""
        return self.code in _TRANSIENT


class Api(Protocol):
    """A service of AWS, or what answers like it."""

    async def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Carry out an operation, named as in its API reference; raises CallFailed."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a consumer works with: DynamoDB Streams, DynamoDB for its leases, time and chance."""

    streams: Api
    tables: Api
    clock: Clock
    chance: Chance
