"""Functions ready to be invoked: what a name and a qualifier call for, its code unpacked.

What was made ready is kept as long as the function's stored bytes are the same, which every
invocation asks the store: so a change that another process makes takes effect at once here too.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from headwater.errors import InvalidParameterValueException, ServiceException
from headwater.functions import function, package
from headwater.functions.concurrency import Concurrency, concurrency_of
from headwater.functions.function import LATEST, Function, FunctionVersion
from headwater.functions.registry import Registry
from headwater.functions.versions import Versions


@dataclass(frozen=True, slots=True)
class Callee:
    """What an invocation runs. arn: as it was called. concurrency: what may be under way."""

    version: FunctionVersion
    arn: str
    concurrency: Concurrency


@dataclass(slots=True)
class _Kept:
    stored: tuple[bytes, bytes | None]
    latest: Function
    concurrency: Concurrency
    versions: dict[str, FunctionVersion]


class Shelf:
    """Ready functions of a registry."""

    def __init__(self, registry: Registry, versions: Versions) -> None:
        self._registry = registry
        self._versions = versions
        self._machine = registry.machine
        self._kept: dict[tuple[str, str], _Kept] = {}

    async def take(self, region: str, name: str, qualifier: str | None) -> Callee:
        """A function ready to be invoked; of an alias with weights, one of its versions by chance.

        Raises FunctionNotFound.
        """
        kept = await self._current(region, name)
        latest = kept.latest
        number = self._chosen(latest, qualifier)
        version = kept.versions.get(number)
        if version is None or not version.code.is_dir():
            version = await self._prepared(await self._versions.of(latest, number))
            kept.versions[number] = version
        arn = latest.arn if qualifier is None else f"{latest.arn}:{qualifier}"
        return Callee(version, arn, kept.concurrency)

    async def latest(self, region: str, name: str) -> Function:
        """A function with what all its versions share. Raises FunctionNotFound."""
        return (await self._current(region, name)).latest

    async def _current(self, region: str, name: str) -> _Kept:
        stored = await self._registry.current(region, name)
        kept = self._kept.get((region, name))
        if kept is None or kept.stored != stored:
            latest = function.decode(stored[0])
            may = concurrency_of(latest.shared.reserved, stored[1])
            versions = kept.versions if kept is not None and kept.latest == latest else {}
            kept = self._kept[region, name] = _Kept(stored, latest, may, versions)
        return kept

    def forget(self, region: str, name: str) -> None:
        """A function was deleted."""
        self._kept.pop((region, name), None)

    def _chosen(self, latest: Function, qualifier: str | None) -> str:
        if qualifier is None:
            return LATEST
        alias = latest.shared.aliases.get(qualifier)
        if alias is None:
            return qualifier
        for version, weight in alias.weights.items():
            if self._machine.chance.uniform(0.0, 1.0) < weight:
                return version
        return alias.version

    async def _prepared(self, found: Function) -> FunctionVersion:
        configuration = found.configuration
        runtime = await self._machine.runtimes.find(configuration.runtime)
        if runtime is None:  # it was there when the function was registered
            raise InvalidParameterValueException(
                f"The runtime {configuration.runtime} is no longer available on this server."
            )
        shas = [layer.code_sha256 for layer in configuration.layers]
        layers = [await self._unpacked(sha, found) for sha in shas]
        return FunctionVersion(
            name=found.name,
            arn=found.arn,
            region=found.region,
            version=found.version,
            revision_id=found.revision_id,
            runtime=runtime,
            handler=configuration.handler,
            timeout_seconds=configuration.timeout_seconds,
            memory_mb=configuration.memory_mb,
            ephemeral_mb=configuration.ephemeral_mb,
            environment=configuration.environment,
            log_group=found.log_group,
            code=await self._unpacked(found.code_sha256, found),
            opt=await self._machine.code.overlay(layers),
            log=configuration.log,
        )

    async def _unpacked(self, sha: str, found: Function) -> Path:
        folder = self._machine.code.find(package.digest_of(sha).hex())
        if folder is not None:
            return folder
        content = await self._registry.store.code(package.digest_of(sha))
        if content is None:
            raise ServiceException(f"The code of the function is missing: {found.arn}")
        return await self._machine.code.unpack(await asyncio.to_thread(package.check, content))
