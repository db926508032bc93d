"""The kind `webhook`: batches posted to an address, signed as Standard Webhooks has it.

    POST url
    content-type: application/json
    webhook-id, idempotency-key: the parcel's key (`parcels.py`), the same whenever it comes again
    webhook-timestamp: epoch second of this try
    webhook-signature: for each secret `v1,` and base64 of HMAC-SHA256 over "id.timestamp.body",
                       separated by spaces

    body = {"sink", "region", "table": text, "changes": [change, ...]}

    answer                            what follows
    --------------------------------  --------------------------------------------------------------
    2xx                               the changes are there
    400, 413, 415, 422                refused: tried one by one, then to the failure destination
    3xx, 410                          the sink stops
    any other, none, too late a one   the same again, not before Retry-After

Source: Standard Webhooks, "Specification"; RFC 9110, 10.2.3 "Retry-After".
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from headwater import __version__
from headwater.limits import (
    KB,
    sink_calls_at_once_max,
    sink_connect_seconds_max,
)
from headwater.sinks.certificates import trust
from headwater.sinks.change import Change, dumps
from headwater.sinks.http import check_address, retry_after
from headwater.sinks.kind import (
    ChangeBatch,
    InvalidSettings,
    Kind,
    Opening,
    Pace,
    Rejected,
    SinkBroken,
    SinkUnavailable,
    Surroundings,
    Writer,
)
from headwater.sinks.parcels import ParcelRefused, Parcels, Way
from headwater.sinks.settings import means
from headwater.sinks.transform import outcome
from headwater.threads import Threads

if TYPE_CHECKING:
    import ssl

    import urllib3

_MARK: Final = "whsec_"
_KEY_BYTES_MIN: Final = 24
_ANSWER_BYTES_MAX: Final = 64 * KB
_TIMEOUT_SECONDS_MAX: Final = 300.0
_REFUSALS: Final = frozenset({400, 413, 415, 422})
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Settings of a webhook."""

    url: str = field(metadata=means("Address that batches are posted to."))
    secret: str | None = field(
        default=None,
        metadata=means(
            "What requests are signed with: `whsec_` and base64 of at least 24 bytes. Several, "
            "with spaces between, each sign. Without it nothing is signed.",
            is_secret=True,
        ),
    )
    authorization: str | None = field(
        default=None,
        metadata=means("The header `Authorization` of each request.", is_secret=True),
    )
    timeout_seconds: float = field(
        default=30.0, metadata=means("How long an answer may take, up to 300.")
    )
    ca: str | None = field(
        default=None,
        metadata=means("File of certificates that vouch for the address; else the machine's own."),
    )

    def __post_init__(self) -> None:
        check_address("url", self.url)
        secrets(self)
        if not 0 < self.timeout_seconds <= _TIMEOUT_SECONDS_MAX:
            raise InvalidSettings(f"timeout_seconds is not between 0 and {_TIMEOUT_SECONDS_MAX:g}")
        if self.authorization is not None and not self.authorization.isprintable():
            raise InvalidSettings("authorization cannot be a header")
        if self.ca is not None and not self.url.startswith("https:"):
            raise InvalidSettings("ca is for an https address")


def secrets(settings: WebhookSettings) -> list[bytes]:
    """What to sign with. Raises InvalidSettings."""
    found = []
    for text in (settings.secret or "").split():
        try:
            secret = base64.b64decode(text.removeprefix(_MARK), validate=True)
        except binascii.Error:
            secret = b""
        if not text.startswith(_MARK) or len(secret) < _KEY_BYTES_MIN:
            raise InvalidSettings(
                f"secret: it is not {_MARK} and base64 of at least {_KEY_BYTES_MIN} bytes"
            )
        found.append(secret)
    return found


def signed(secrets: Sequence[bytes], key: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that say which parcel it is, and prove whose."""
    headers = {
        "webhook-id": key,
        "idempotency-key": key,
        "webhook-timestamp": str(timestamp),
    }
    if secrets:
        told = f"{key}.{timestamp}.".encode() + body
        headers["webhook-signature"] = " ".join(
            "v1," + base64.b64encode(hmac.digest(secret, told, hashlib.sha256)).decode()
            for secret in secrets
        )
    return headers


class WebhookWriter:
    """`Writer` of a webhook."""

    def __init__(self, opening: Opening, trusted: ssl.SSLContext) -> None:
        sink = opening.sink
        self._trusted = trusted
        self._settings: WebhookSettings = opening.settings
        self._secrets = secrets(opening.settings)
        self._clock = opening.around.machine_clock
        self._told = {"sink": sink.name, "region": sink.region, "table": sink.table_name}
        self._parcels = Parcels(
            opening.notes, sink, Way(self._pack, self._post, is_one_by_one=True)
        )
        self._threads = Threads(sink_calls_at_once_max)
        self._pool: urllib3.PoolManager | None = None

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        return await self._parcels.deliver(batch)

    async def close(self) -> None:
        return None

    async def _pack(self, key: str, changes: Sequence[Change]) -> bytes:
        del key
        return dumps({**self._told, "changes": [outcome(change) for change in changes]})

    async def _post(self, key: str, body: bytes) -> None:
        now = self._clock.now()
        headers = {
            "content-type": "application/json",
            "user-agent": f"Headwater/{__version__}",
            **signed(self._secrets, key, int(now), body),
        }
        if self._settings.authorization is not None:
            headers["authorization"] = self._settings.authorization
        try:
            async with asyncio.timeout(sink_connect_seconds_max + self._settings.timeout_seconds):
                status, told = await self._threads.run(partial(self._request, headers, body))
        except TimeoutError as error:
            raise SinkUnavailable("The address does not answer in time.") from error
        _judge(status, told, now)

    def _request(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Mapping[str, str]]:
        """The status and the headers of the answer. Raises SinkUnavailable."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - paid for where it is used

        try:
            response = self._connections().request(
                "POST",
                self._settings.url,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
            )
            with response:  # whose connection is used again only if it was read to its end
                response.read(_ANSWER_BYTES_MAX)
        except HTTPError as error:
            raise SinkUnavailable(f"The address cannot be reached: {error}") from error
        return response.status, response.headers

    def _connections(self) -> urllib3.PoolManager:
        if self._pool is None:
            import urllib3  # noqa: PLC0415 - as above

            timeout = urllib3.Timeout(
                connect=sink_connect_seconds_max, read=self._settings.timeout_seconds
            )
            self._pool = urllib3.PoolManager(
                maxsize=sink_calls_at_once_max,
                timeout=timeout,
                retries=False,
                ssl_context=self._trusted,
            )
        return self._pool


def _judge(status: int, headers: Mapping[str, str], now: float) -> None:
    """Raises what an answer means; see the module."""
    told = f"The address answers with the status {status}."
    if 200 <= status < 300:
        return
    if status in _REFUSALS:
        raise ParcelRefused(told)
    if 300 <= status < 400 or status == _GONE:
        raise SinkBroken(told)
    raise SinkUnavailable(told, retry_after(headers.get("retry-after", ""), now))


async def _open(opening: Opening) -> Writer:
    return WebhookWriter(opening, await trust(opening.settings.ca))


async def _check(settings: WebhookSettings, around: Surroundings) -> None:
    del around
    await trust(settings.ca)


KIND: Final = Kind(
    "webhook",
    "Batches of changes posted to an address, signed.",
    WebhookSettings,
    _open,
    Pace(100, 1000, 256 * KB, 0.0),
    _check,
)
