"""The kind `search`: the documents of items in an index of OpenSearch or Elasticsearch.

A document's version is that of its item's latest change, so the index itself refuses what is older
than what it holds, whoever writes it and however late. Of a deleted document it knows the version
for as long as its setting `index.gc_deletes` says, in the memory of the node that holds it. That is
what a request must be outdated by to bring an older image back, so an index that a sink makes has
far more than requests can take; what is left is a process that stood still for longer than that in
the middle of a request, after another had taken its shard, or a node that was restarted then.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final

from headwater.limits import search_request_bytes_max
from headwater.sinks import search_bulk
from headwater.sinks.certificates import trust
from headwater.sinks.change import Change
from headwater.sinks.extras import required
from headwater.sinks.kind import (
    ChangeBatch,
    Kind,
    Opening,
    Pace,
    Rejected,
    SinkBroken,
    SinkUnavailable,
    Surroundings,
    Writer,
)
from headwater.sinks.search_bulk import Action, RequestTooLarge, document_id
from headwater.sinks.search_settings import SearchSettings, as_object
from headwater.sinks.verification import Comparison, Verdict

if TYPE_CHECKING:
    import ssl

    from headwater.sinks.search_client import SearchClient

EXTRA: Final = "opensearch"
_TIME: Final = re.compile(r"(\d+)(d|h|m|s|ms)")
_UNIT_SECONDS: Final = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_GC_DELETES: Final = "index.gc_deletes"
_GC_DELETES_USUAL: Final = "60s"


class SearchWriter:
    """`Writer` of an index. keys: the names of the key attributes."""

    def __init__(self, client: SearchClient, index: str, keys: Sequence[str]) -> None:
        self._client = client
        self._index = index
        self._keys = keys
        self._request_bytes_max = search_request_bytes_max

    async def write(self, batch: ChangeBatch) -> Sequence[Rejected]:
        """What the index is too busy for is sent again, as long as it takes some of that."""
        waiting = search_bulk.actions(self._keys, batch.changes)
        rejected: list[Rejected] = []
        while waiting:
            count = search_bulk.leading(waiting, self._request_bytes_max)
            asked, later = waiting[:count], waiting[count:]
            answer = await self._ask(asked)
            if answer is not None:
                waiting = [*self._left(asked, answer), *later]
                rejected += answer.rejected
            elif count == 1:
                waiting = later
                rejected.append(Rejected(asked[0].index, "The document is too large."))
        return rejected

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, asked: Sequence[Action]) -> search_bulk.Outcome | None:
        """What becomes of actions; None if they were too many, or one that is too large."""
        body = b"".join(action.lines for action in asked)
        try:
            items = await self._client.bulk(self._index, body, len(asked))
        except RequestTooLarge:
            if len(asked) > 1:
                self._request_bytes_max = len(body) // 2
            return None
        return search_bulk.outcome(asked, items)

    def _left(self, asked: Sequence[Action], answer: search_bulk.Outcome) -> Sequence[Action]:
        """What is to be sent again."""
        if answer.hopeless_reason:
            raise SinkBroken(f"Index {self._index}: {answer.hopeless_reason}")
        if len(answer.busy) == len(asked):
            raise SinkUnavailable(f"Index {self._index}: {answer.busy_reason}")
        return answer.busy


async def _open(opening: Opening) -> Writer:
    settings: SearchSettings = opening.settings
    client = await _client(opening)
    try:
        await _prepare(client, settings, opening)
    except BaseException:
        await client.close()
        raise
    return SearchWriter(client, settings.index, opening.stream.keys)


async def _prepare(client: SearchClient, settings: SearchSettings, opening: Opening) -> None:
    """Have the index be there, and see that it is one to write documents to."""
    found = await client.described(settings.index)
    if found is None:
        await client.create(
            settings.index,
            {
                "settings": {
                    _GC_DELETES: f"{settings.gc_deletes_seconds}s",
                    **as_object("index_settings", settings.index_settings),
                },
                "mappings": as_object("mappings", settings.mappings),
            },
        )
        return
    if len(found) != 1 or any("data_stream" in index for index in found.values()):
        raise SinkBroken(f"{settings.index} is not one index: an item has one document, in one.")
    (index,) = found.values()
    kept = index["settings"].get(_GC_DELETES, _GC_DELETES_USUAL)
    if _seconds(kept) < settings.gc_deletes_seconds:
        opening.warn(
            f"index {settings.index} forgets after {kept} that a document was deleted: set its "
            f"{_GC_DELETES} to {settings.gc_deletes_seconds}s"
        )


def _seconds(told: str) -> float:
    """A time as index settings tell it; of any that is not known, 0."""
    match = _TIME.fullmatch(told)
    return 0.0 if match is None else int(match[1]) * _UNIT_SECONDS[match[2]]


async def _verify(opening: Opening, expected: AsyncIterator[Sequence[Change]]) -> Verdict:
    """Compare all documents of the index, by their ids."""
    settings: SearchSettings = opening.settings
    comparison = Comparison()
    async for changes in expected:
        for change in changes:
            if change.document is not None:
                comparison.expect(document_id(opening.stream.keys, change.keys), change.document)
    client = await _client(opening)
    try:
        return await comparison.verdict(client.documents(settings.index))
    finally:
        await client.close()


async def _client(opening: Opening) -> SearchClient:
    """Raises InvalidSettings, SinkBroken."""
    settings: SearchSettings = opening.settings
    trusted = await trust(settings.ca) if settings.is_secure else None
    return await asyncio.to_thread(_made, opening, trusted)


def _made(opening: Opening, trusted: ssl.SSLContext | None) -> SearchClient:
    required("opensearchpy", EXTRA)
    # It takes a quarter of a second to import, and not every installation has it.
    from headwater.sinks.search_client import SearchClient  # noqa: PLC0415 - see above

    settings: SearchSettings = opening.settings
    region = settings.region or opening.sink.region
    return SearchClient(settings, region, opening.around.machine_clock, trusted)


async def _check(settings: SearchSettings, around: Surroundings) -> None:
    del around
    await asyncio.to_thread(required, "opensearchpy", EXTRA)
    await trust(settings.ca)


KIND: Final = Kind(
    "search",
    "Documents in an index of OpenSearch or Elasticsearch.",
    SearchSettings,
    _open,
    Pace(1000, 10_000),
    _check,
    _verify,
)
