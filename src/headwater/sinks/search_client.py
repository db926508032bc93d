"""OpenSearch or Elasticsearch, as search sinks call it: by opensearch-py, in threads.

Both answer to the same requests, and this client refuses neither. Of several addresses one is
asked, and another if it cannot be reached.

    no answer, 408, 429, 5xx    the same again later, not before what Retry-After says
    413                         the request is too large
    any other                   nothing goes through until somebody changes something

Imported only where opensearch-py is (`extras.py`).
"""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Final

import orjson
from opensearchpy import (
    JSONSerializer,
    OpenSearch,
    OpenSearchException,
    SerializationError,
    Urllib3AWSV4SignerAuth,
    Urllib3HttpConnection,
)
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import RequestError, TransportError
from urllib3 import Timeout

from headwater.clock import Clock
from headwater.limits import (
    search_page_documents_max,
    search_request_seconds_max,
    sink_calls_at_once_max,
    sink_connect_seconds_max,
)
from headwater.sinks.http import retry_after
from headwater.sinks.kind import SinkBroken, SinkUnavailable
from headwater.sinks.search_bulk import RequestTooLarge, reason
from headwater.sinks.search_settings import SearchSettings
from headwater.threads import Threads

_ABSENT: Final = 404
_TOO_LARGE: Final = 413
_BUSY: Final = frozenset({408, 429, 500, 502, 503, 504})
_IS_THERE: Final = "resource_already_exists_exception"
_ANSWERED: Final = "errors,items.*.status,items.*.error"
_SCROLL: Final = "5m"
_SERVICE: Final = "es"
_STRANGER: Final = "What answers at the endpoint is no search server."


class SearchClient:
    """See the module. Raises SinkUnavailable, SinkBroken."""

    def __init__(
        self, settings: SearchSettings, region: str, clock: Clock, trusted: ssl.SSLContext | None
    ) -> None:
        """region: what requests are signed for; that looks up credentials, which may take a while.

        clock: the time that other machines go by. trusted: None if nothing is called over TLS.
        """
        self._clock = clock
        self._threads = Threads(sink_calls_at_once_max)
        self._client = OpenSearch(
            settings.addresses,
            connection_class=_Connection,
            serializer=_Json(),
            max_retries=len(settings.addresses) - 1,
            retry_on_status=(),
            pool_maxsize=sink_calls_at_once_max,
            timeout=Timeout(connect=sink_connect_seconds_max, read=search_request_seconds_max),
            ssl_context=trusted,
            headers=_identity(settings),
            http_auth=_signer(region) if settings.sigv4 else None,
        )

    async def described(self, index: str) -> dict[str, Any] | None:
        """The indexes of a name, which may be an alias, by their own; None if there is none."""
        indices = self._client.indices
        found = await self._call(
            lambda: indices.get(index=index, flat_settings=True, params={"ignore": [_ABSENT]})
        )
        if found.get("status") == _ABSENT:
            return None
        if not all(isinstance(each, dict) and "settings" in each for each in found.values()):
            raise SinkBroken(_STRANGER)
        return found

    async def create(self, index: str, body: Mapping[str, Any]) -> None:
        """Have an index be there; one that is there already stays as it is."""
        indices = self._client.indices
        try:
            await self._call(lambda: indices.create(index=index, body=body))
        except _Refused as error:
            if error.kind != _IS_THERE:
                raise SinkBroken(str(error)) from error

    async def bulk(self, index: str, body: bytes, count: int) -> Sequence[Mapping[str, Any]]:
        """The items of the answer to a bulk request of actions. Raises RequestTooLarge, too."""
        client = self._client
        answer = await self._call(
            lambda: client.bulk(body=body, index=index, filter_path=_ANSWERED)
        )
        items: Sequence[Mapping[str, Any]] = answer.get("items", ())
        if len(items) != count:
            raise SinkBroken(f"The search server tells of {len(items)} of {count} actions.")
        return items

    async def documents(self, index: str) -> AsyncIterator[tuple[str, Any]]:
        """Every document of an index as it was given, with its id."""
        client = self._client
        await self._call(lambda: client.indices.refresh(index=index))
        everything = {"query": {"match_all": {}}, "sort": ["_doc"]}
        page = await self._call(
            lambda: client.search(
                body=everything, index=index, scroll=_SCROLL, size=search_page_documents_max
            )
        )
        while page["hits"]["hits"]:
            for hit in page["hits"]["hits"]:
                yield hit["_id"], hit["_source"]
            page = await self._next(page["_scroll_id"])
        done = {"scroll_id": [page["_scroll_id"]]}
        await self._call(lambda: client.clear_scroll(body=done))

    async def close(self) -> None:
        self._client.close()

    async def _next(self, scroll: str) -> dict[str, Any]:
        body = {"scroll": _SCROLL, "scroll_id": scroll}
        return await self._call(lambda: self._client.scroll(body=body))

    async def _call(self, call: Callable[[], Any]) -> dict[str, Any]:
        try:
            answer = await self._threads.run(call)
        except NoConnection as error:
            raise SinkUnavailable(f"The search server cannot be reached: {error.error}") from error
        except _Busy as error:
            told = error.headers.get("retry-after", "")
            raise SinkUnavailable(_told(error), retry_after(told, self._clock.now())) from error
        except RequestError as error:
            raise _Refused(_told(error), error.error) from error
        except TransportError as error:
            if error.status_code == _TOO_LARGE:
                raise RequestTooLarge from error
            raise SinkBroken(_told(error)) from error
        except OpenSearchException as error:  # what is answered is no JSON
            raise SinkBroken(_STRANGER) from error
        if not isinstance(answer, dict):
            raise SinkBroken(_STRANGER)
        return answer


class _Refused(SinkBroken):
    """A request was refused as it is. kind: of the error."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


class _Busy(TransportError):
    """An answer that may be another one later."""

    def __init__(self, *told: Any, headers: Mapping[str, str]) -> None:
        super().__init__(*told)
        self.headers = headers


class _Connection(Urllib3HttpConnection):
    """Keeps the headers of answers by which a server says that it is busy, and no log."""

    def perform_request(  # noqa: PLR0913 - what it overrides
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        answered = super().perform_request(
            method, url, params, body, timeout, (*ignore, *_BUSY), headers
        )
        status, answered_headers, text = answered
        if status in _BUSY:
            raise _Busy(status, text, _object(text), headers=answered_headers)
        return answered

    def log_request_fail(self, *_: Any, **__: Any) -> None:
        """A failure is told where it is seen to; what was sent is in no log."""

    def _raise_warnings(self, warning_headers: Any) -> None:
        """Servers warn whoever configures them, not whoever writes."""


class _Json(JSONSerializer):
    """Reads and writes JSON as the rest of the server does."""

    def loads(self, s: str) -> Any:
        try:
            return orjson.loads(s)
        except orjson.JSONDecodeError as error:
            raise SerializationError(str(error)) from error

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else orjson.dumps(data).decode()


def _identity(settings: SearchSettings) -> dict[str, str]:
    """The headers that say who writes."""
    if settings.api_key is not None:
        return {"authorization": f"ApiKey {settings.api_key}"}
    if settings.user is not None:
        pair = f"{settings.user}:{settings.password}".encode()
        return {"authorization": f"Basic {b64encode(pair).decode()}"}
    return {}


def _signer(region: str) -> Urllib3AWSV4SignerAuth:
    """Signs requests with the credentials that boto3 finds, as anywhere."""
    import boto3  # noqa: PLC0415 - it takes a third of a second, which others do not pay

    credentials = boto3.session.Session().get_credentials()
    if credentials is None:
        raise SinkBroken("There are no credentials of AWS to sign requests with.")
    return Urllib3AWSV4SignerAuth(credentials, region, _SERVICE)


def _object(text: str) -> Any:
    """What a text is in JSON; None if it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _told(error: TransportError) -> str:
    """An answer in words, with no more of it than its own reason."""
    info = error.info
    why = reason(info["error"]) if isinstance(info, dict) and "error" in info else error.error
    return f"The search server answers with {error.status_code}: {why}"
