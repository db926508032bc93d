"""A server with credentials, some of which have policies, and its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.conformance.access import CREDENTIALS
from tests.server_process import ServerProcess

Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def connect_as(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connect]:
    """Clients of a server with credentials, by access key and service."""
    file = tmp_path_factory.mktemp("credentials") / "credentials"
    file.touch(mode=0o600)
    file.write_text(CREDENTIALS)
    clients: dict[tuple[str, str], Any] = {}
    with ServerProcess.serve("--memory", "--lab", "--credentials", file) as server:

        def client(key: str, service: str = "dynamodb") -> Any:
            if (key, service) not in clients:
                clients[key, service] = boto3.client(
                    service,
                    endpoint_url=server.endpoint,
                    region_name="us-east-1",
                    aws_access_key_id=key,
                    aws_secret_access_key="secret",
                    config=Config(retries={"total_max_attempts": 1}),
                )
            return clients[key, service]

        yield client
        for each in clients.values():
            each.close()
