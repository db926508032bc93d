"""Removes code that no function, version or layer names any more: zips, and what is unpacked.

Zips go as soon as nobody names them. What is unpacked stays for longer than an invocation lasts,
because a worker of the former revision may still run from it; it is a copy, so that removing too
much would only cost unpacking again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

import structlog

from headwater.clock import Clock, pause
from headwater.functions import function, layers, package
from headwater.functions.package import CodeFolder
from headwater.functions.store import Conflict, FunctionStore
from headwater.limits import function_code_spare_seconds
from headwater.storage import function_keys
from headwater.storage.engine import Unavailable

_LOOK_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Named:
    """What is named: digests of zips, and folders of what is unpacked."""

    digests: set[bytes] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def add(self, code_sha256: str) -> str:
        digest = package.digest_of(code_sha256)
        self.digests.add(digest)
        self.folders.add(digest.hex())
        return digest.hex()


class CodeSweeper:
    """Start `run` in a task group. machine: the clock that workers live by."""

    def __init__(self, store: FunctionStore, folder: CodeFolder, machine: Clock) -> None:
        self._store = store
        self._folder = folder
        self._machine = machine
        self._swept_at: int | None = None
        self._spare: dict[str, float] = {}  # folders nobody names, and since when

    async def run(self) -> None:
        """Look whether something has changed, and sweep, until cancelled."""
        while True:
            try:
                count = await self._store.code_count()
                if count != self._swept_at or self._spare:
                    await self.sweep(count)
                    self._swept_at = count
            except Conflict:
                pass  # something has changed meanwhile: look again
            except Unavailable as error:
                _log.warning("code_not_swept", error=str(error))
            await pause(self._machine, _LOOK_SECONDS)

    async def sweep(self, count: int) -> None:
        """Remove what nobody names. count: from before. Raises Conflict if that has moved."""
        named = await self._named()
        unnamed = [each for each in await self._store.code_digests() if each not in named.digests]
        if unnamed:
            await self._store.remove_code(unnamed, count)
            _log.info("code_removed", packages=len(unnamed))
        await self._sweep_folders(named.folders)

    async def _sweep_folders(self, named: set[str]) -> None:
        now = self._machine.now()
        unnamed = set(await asyncio.to_thread(self._folder.names)) - named
        self._spare = {name: self._spare.get(name, now) for name in unnamed}
        for name, since in list(self._spare.items()):
            if now - since >= function_code_spare_seconds:
                await asyncio.to_thread(self._folder.remove, name)
                del self._spare[name]

    async def _named(self) -> _Named:
        named = _Named()
        for span in (
            function_keys.every_function_span(),
            function_keys.every_function_version_span(),
        ):
            for _, stored in await self._store.every(span):
                found = function.decode(stored)
                named.add(found.code_sha256)
                used = [named.add(each.code_sha256) for each in found.configuration.layers]
                named.folders.add(package.overlay_name(used))
        for _, stored in await self._store.every(function_keys.every_layer_version_span()):
            named.add(layers.decode(stored).code_sha256)
        return named
