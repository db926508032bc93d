"""AWS, or a server that speaks its protocol, through boto3.

boto3 waits for its answers, so each call runs in a thread of a pool of its own. The clients' own
retries are off in `connect`: the consumer backs off by its own clock, and a call that is tried
again inside the SDK would hold up the renewal of leases.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from headwater.clock import Chance, Clock, SystemChance, SystemClock
from headwater.consumer.api import UNREACHABLE, CallFailed, Services

_THREADS: Final = 16
_CONNECT_SECONDS_MAX: Final = 5
_READ_SECONDS_MAX: Final = 10
_SERVER_FAULT: Final = 500


class BotoApi:
    """A boto3 client's operations, each in a thread of `threads`."""

    def __init__(self, client: Any, threads: ThreadPoolExecutor) -> None:
        self._client = client
        self._threads = threads

    async def call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._call, operation, request)

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        method = getattr(self._client, _METHODS[operation])
        try:
            answer: Mapping[str, Any] = method(**request)
        except ClientError as error:
            raise _failure(error.response) from error
        except (NoConnection, HTTPClientError) as error:
            raise CallFailed(UNREACHABLE, str(error)) from error
        except BotoCoreError as error:
            raise CallFailed(type(error).__name__, str(error)) from error
        return answer


_METHODS: Final = {
    "DescribeStream": "describe_stream",
    "GetShardIterator": "get_shard_iterator",
    "GetRecords": "get_records",
    "DescribeTable": "describe_table",
    "CreateTable": "create_table",
    "Scan": "scan",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
}


def _failure(response: Mapping[str, Any]) -> CallFailed:
    """An error of the service's; one without a code that we know is told by its status."""
    told = response.get("Error", {})
    code = told.get("Code", "")
    failure = CallFailed(code, told.get("Message", ""), response.get("Item"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= _SERVER_FAULT and not failure.is_transient:
        return CallFailed(UNREACHABLE, f"{code}: {told.get('Message', '')}")
    return failure


def services(
    streams: Any,
    tables: Any,
    clock: Clock | None = None,
    chance: Chance | None = None,
    threads: int = _THREADS,
) -> Services:
    """What a consumer works with, from two boto3 clients: `dynamodbstreams` and `dynamodb`.

    threads: how many calls run at a time; the clients' pools should hold as many connections.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="headwater-consumer")
    return Services(
        BotoApi(streams, pool),
        BotoApi(tables, pool),
        clock or SystemClock(),
        chance or SystemChance(),
    )


def connect(
    session: boto3.Session | None = None, endpoint: str | None = None, threads: int = _THREADS
) -> Services:
    """Clients as a consumer needs them, of a boto3 session or of the environment's.

    endpoint: a server's URL; without it, AWS_ENDPOINT_URL or AWS.
    """
    source = session or boto3.Session()
    config = client_config(threads)
    streams = source.client("dynamodbstreams", endpoint_url=endpoint, config=config)
    tables = source.client("dynamodb", endpoint_url=endpoint, config=config)
    return services(streams, tables, threads=threads)


def client_config(threads: int = _THREADS) -> Config:
    """How the clients of a consumer are to behave."""
    return Config(
        max_pool_connections=threads,
        retries={"total_max_attempts": 1},
        connect_timeout=_CONNECT_SECONDS_MAX,
        read_timeout=_READ_SECONDS_MAX,
        tcp_keepalive=True,
    )
