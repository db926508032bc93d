"""Registered functions: creating, finding, changing and deleting them.

Each change is one compare-and-set of the function's stored bytes, so two changes at once cannot
both win. Code is stored before the function that names it, and survives restarts with it; unpacked
code is a copy that can be made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from headwater.arn import function_arn
from headwater.clock import Chance, Clock
from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ServiceException,
)
from headwater.functions import function, package, rules
from headwater.functions.function import Configuration, Function, FunctionVersion
from headwater.functions.interpreter import Interpreters
from headwater.functions.package import CodeFolder, Package


class Conflict(Exception):
    """Another change came first: read again, then decide whether to try again."""


class FunctionStore(Protocol):
    """Where functions and their code are kept. Every return means: durable."""

    async def get(self, region: str, name: str) -> bytes | None:
        """A function's bytes, or None."""

    async def put(
        self, region: str, name: str, value: bytes | None, expected: bytes | None
    ) -> None:
        """Replace the expected bytes (None: nothing there) by others (None: delete).

        Raises Conflict if something else is stored.
        """

    async def scan(self, region: str, start_after: str, limit: int) -> list[tuple[str, bytes]]:
        """Functions of a region by name, from the first name greater than the given one."""

    async def put_code(self, sha: str, content: bytes) -> None:
        """Keep a zip under its digest in hexadecimal; again is harmless."""

    async def get_code(self, sha: str) -> bytes | None:
        """A zip by its digest, or None."""


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """What to change of a configuration; None leaves a field as it is."""

    runtime: str | None = None
    handler: str | None = None
    role: str | None = None
    description: str | None = None
    timeout_seconds: int | None = None
    memory_mb: int | None = None
    ephemeral_mb: int | None = None
    environment: Mapping[str, str] | None = None
    log_format: str | None = None
    log_group: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What of this machine the registry needs."""

    code: CodeFolder
    interpreters: Interpreters
    clock: Clock
    chance: Chance


class Registry:
    """The functions of all regions of one account."""

    def __init__(self, store: FunctionStore, account: str, machine: Machine) -> None:
        self._store = store
        self._account = account
        self._machine = machine
        self._versions: dict[tuple[str, str], tuple[bytes, FunctionVersion]] = {}

    async def create(
        self,
        region: str,
        name: str,
        configuration: Configuration,
        code: bytes,
        tags: Mapping[str, str],
    ) -> Function:
        """Register a function.

        Raises ResourceConflictException if the name is taken, InvalidParameterValueException.
        """
        if await self._store.get(region, name) is not None:
            raise _exists(name)
        await self._check(configuration)
        checked = await self._keep(code)
        created = Function(
            name=name,
            arn=function_arn(region, self._account, name),
            region=region,
            configuration=configuration,
            code_sha256=checked.code_sha256,
            code_size=len(checked.content),
            last_modified=self._machine.clock.now(),
            revision_id=self._machine.chance.uuid(),
            tags=dict(tags),
        )
        try:
            await self._store.put(region, name, function.encode(created), None)
        except Conflict:
            raise _exists(name) from None
        return created

    async def get(self, region: str, name: str) -> Function:
        """A function by name. Raises FunctionNotFound."""
        return function.decode(await self._stored(region, name))

    async def page(self, region: str, start_after: str, limit: int) -> list[Function]:
        """Functions in order of their names, from the first after the given one."""
        found = await self._store.scan(region, start_after, limit)
        return [function.decode(stored) for _, stored in found]

    async def code(self, of: Function) -> bytes:
        """A function's zip, as it was uploaded."""
        content = await self._store.get_code(package.name_of(of.code_sha256))
        if content is None:
            raise ServiceException(f"The code of the function is missing: {of.arn}")
        return content

    async def check_update(self, old: Function, code: bytes, revision_id: str | None) -> None:
        """Raise what updating a function's code would, but keep nothing."""
        _check_revision(old, revision_id)
        await asyncio.to_thread(package.check, code)

    async def update_code(
        self, region: str, name: str, code: bytes, revision_id: str | None = None
    ) -> Function:
        """Give a function other code; revision_id: refuse if it has changed since."""
        stored = await self._stored(region, name)
        old = function.decode(stored)
        _check_revision(old, revision_id)
        checked = await self._keep(code)
        new = replace(old, code_sha256=checked.code_sha256, code_size=len(checked.content))
        return await self._replace(new, stored)

    async def update_configuration(
        self,
        region: str,
        name: str,
        change: ConfigurationChange,
        revision_id: str | None = None,
    ) -> Function:
        """Change a function's configuration; revision_id: refuse if it has changed since."""
        stored = await self._stored(region, name)
        old = function.decode(stored)
        _check_revision(old, revision_id)
        named = {key: value for key, value in asdict(change).items() if value is not None}
        configuration = replace(old.configuration, **named)
        await self._check(configuration)
        return await self._replace(replace(old, configuration=configuration), stored)

    async def delete(self, region: str, name: str) -> None:
        """Forget a function; its code stays, as others may have the same. See `Pool.forget`."""
        stored = await self._stored(region, name)
        try:
            await self._store.put(region, name, None, stored)
        except Conflict:
            raise self._busy(region, name) from None
        self._versions.pop((region, name), None)

    async def version(self, region: str, name: str) -> FunctionVersion:
        """A function ready to be invoked. Raises FunctionNotFound."""
        stored = await self._stored(region, name)
        known = self._versions.get((region, name))
        if known is not None and known[0] == stored and known[1].code.is_dir():
            return known[1]
        version = await self._prepare(function.decode(stored))
        self._versions[region, name] = (stored, version)
        return version

    async def _prepare(self, found: Function) -> FunctionVersion:
        configuration = found.configuration
        interpreter = await self._machine.interpreters.find(configuration.runtime)
        if interpreter is None:  # it was there when the function was registered
            raise await self._unavailable(configuration.runtime)
        folder = self._machine.code.find(package.name_of(found.code_sha256))
        if folder is None:
            content = await self.code(found)
            folder = await self._machine.code.unpack(
                await asyncio.to_thread(package.check, content)
            )
        return FunctionVersion(
            name=found.name,
            arn=found.arn,
            region=found.region,
            version=found.version,
            revision_id=found.revision_id,
            runtime=configuration.runtime,
            handler=configuration.handler,
            timeout_seconds=configuration.timeout_seconds,
            memory_mb=configuration.memory_mb,
            ephemeral_mb=configuration.ephemeral_mb,
            environment=configuration.environment,
            log_group=found.log_group,
            interpreter=interpreter,
            code=folder,
        )

    async def _stored(self, region: str, name: str) -> bytes:
        stored = await self._store.get(region, name)
        if stored is None:
            arn = function_arn(region, self._account, name)
            raise FunctionNotFound(f"Function not found: {arn}")
        return stored

    async def _keep(self, code: bytes) -> Package:
        """Check, unpack and store a zip: damage is found before anything is kept."""
        checked = await asyncio.to_thread(package.check, code)
        await self._machine.code.unpack(checked)
        await self._store.put_code(checked.name, checked.content)
        return checked

    async def _replace(self, new: Function, stored: bytes) -> Function:
        changed = replace(
            new,
            last_modified=self._machine.clock.now(),
            revision_id=self._machine.chance.uuid(),
        )
        try:
            await self._store.put(new.region, new.name, function.encode(changed), stored)
        except Conflict:
            raise self._busy(new.region, new.name) from None
        return changed

    async def _check(self, configuration: Configuration) -> None:
        rules.check(configuration)
        if await self._machine.interpreters.find(configuration.runtime) is None:
            raise await self._unavailable(configuration.runtime)

    async def _unavailable(self, runtime: str) -> InvalidParameterValueException:
        offered = ", ".join(await self._machine.interpreters.offered())
        return InvalidParameterValueException(
            f"The runtime {runtime} is not available on this server. Available: {offered}"
        )

    def _busy(self, region: str, name: str) -> ResourceConflictException:
        return ResourceConflictException(
            "The operation cannot be performed at this time. An update is in progress for "
            f"resource: {function_arn(region, self._account, name)}"
        )


def _exists(name: str) -> ResourceConflictException:
    return ResourceConflictException(f"Function already exist: {name}")


def _check_revision(found: Function, revision_id: str | None) -> None:
    if revision_id is not None and revision_id != found.revision_id:
        raise PreconditionFailedException
