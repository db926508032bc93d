"""The server that commands which read and write much work with, and what time it is there."""

from __future__ import annotations

from typing import Any, Final, Self

from botocore.config import Config

from headwater.cli.endpoint import session
from headwater.clock import SystemClock
from headwater.testing.wire import LabError, ServerGone, Wire

_FUNCTION_SECONDS_MAX: Final = 960  # a function may take 15 minutes


class Server:
    """An endpoint and a region. Its clients are closed at the end of a `with`."""

    def __init__(self, endpoint: str, region: str) -> None:
        self.endpoint = endpoint
        self.region = region
        self._session = session(region)
        self._clients: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.close()

    def client(self, service: str, config: Config | None = None) -> Any:
        """A boto3 client."""
        client = self._session.client(service, endpoint_url=self.endpoint, config=config)
        self._clients.append(client)
        return client

    def functions(self) -> Any:
        """A Lambda client that waits for a function as long as it may take, and invokes once."""
        patient = Config(read_timeout=_FUNCTION_SECONDS_MAX, retries={"total_max_attempts": 1})
        return self.client("lambda", patient)

    def now(self) -> float:
        """The epoch second there: of the lab's clock if there is one, else this machine's."""
        wire = Wire(self.endpoint, self.region)
        try:
            return float(wire.call("headwater", "DescribeClock")["Now"])
        except (LabError, ServerGone):
            return SystemClock().now()
        finally:
            wire.close()
