"""AWS's services, or what speaks their protocols, called by boto3 in threads.

boto3 finds credentials as it does anywhere (environment, profile, instance) and tries again what
can succeed. What still fails is `CallFailed` with the service's code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from headwater.threads import Threads

Result = TypeVar("Result")

INTERNAL_ERROR: Final = "InternalError"
_TRIES_MAX: Final = 5
_CALLS_AT_ONCE_MAX: Final = 10  # as many connections as boto3 keeps
_CONNECT_SECONDS_MAX: Final = 5
_READ_SECONDS_MAX: Final = 60


class CallFailed(Exception):
    """A service refused a call, or cannot be reached. code: the service's, or InternalError."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class AwsService:
    """One service at an address. region: what requests are signed for."""

    def __init__(self, name: str, endpoint: str, region: str) -> None:
        self._name = name
        self._endpoint = endpoint
        self._region = region
        self._made: Any = None
        self._making = asyncio.Lock()
        self._threads = Threads(_CALLS_AT_ONCE_MAX)

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer to an operation, by its name in boto3. Raises CallFailed."""

        def call(client: Any) -> dict[str, Any]:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
            return answer

        return await self.run(call)

    async def run(self, call: Callable[[Any], Result]) -> Result:
        """The result of work with boto3's client, in a thread. Raises CallFailed."""
        async with self._making:
            if self._made is None:
                make = partial(_client, self._name, self._endpoint, self._region)
                self._made = await self._threads.run(make)
        return await self._threads.run(partial(_called, self._made, call))


def _client(name: str, endpoint: str, region: str) -> Any:
    # boto3 takes a third of a second to import, which a server that calls nobody does not pay.
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    # Services other than AWS's know neither a bucket's own host name nor the newest checksums.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _TRIES_MAX},
        connect_timeout=_CONNECT_SECONDS_MAX,
        read_timeout=_READ_SECONDS_MAX,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session()
    return session.client(name, endpoint_url=endpoint, region_name=region, config=config)


def _called(client: Any, call: Callable[[Any], Result]) -> Result:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        return call(client)
    except ClientError as error:
        told = error.response.get("Error", {})
        raise CallFailed(str(told.get("Code", INTERNAL_ERROR)), str(error)) from error
    except BotoCoreError as error:
        raise CallFailed(INTERNAL_ERROR, str(error)) from error
