"""Registered functions: creating, finding, changing and deleting them.

Each change is one compare-and-set of the function's stored bytes, so two changes at once cannot
both win. Code is stored in the same commit as what names it, and survives restarts with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from headwater.arn import function_arn
from headwater.clock import Chance, Clock
from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ServiceException,
)
from headwater.functions import concurrency, function, package, rules
from headwater.functions.function import Configuration, Function, UsedLayer
from headwater.functions.layers import Layers
from headwater.functions.package import CodeFolder, Package
from headwater.functions.runtime import Runtimes
from headwater.functions.store import Change, Conflict, FunctionStore
from headwater.storage import function_keys

_TRIES_MAX: Final = 10


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
    layers: tuple[UsedLayer, ...] | None = None
    dead_letter: str | None = None
    application_log_level: str | None = None
    system_log_level: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What of this machine the registry needs. refusal: why no ARN like this can be sent to."""

    code: CodeFolder
    runtimes: Runtimes
    clock: Clock
    chance: Chance
    refusal: Callable[[str], str | None]


class Registry:
    """The functions of all regions of one account."""

    def __init__(self, store: FunctionStore, account: str, machine: Machine) -> None:
        self.store = store
        self.machine = machine
        self.account = account
        self.layers = Layers(store, account, machine.code, machine.clock)

    async def create(self, function_: Function, code: bytes) -> Function:
        """Register a function of which name, region, configuration and tags are given.

        Raises ResourceConflictException if the name is taken, InvalidParameterValueException.
        """
        region, name = function_.region, function_.name
        key = function_keys.function(region, name)
        if await self.store.get(key) is not None:
            raise _exists(name)
        checked = await self._checked_code(code)
        await self._check(function_.configuration, checked.unpacked_bytes)
        created = self._stamped(
            replace(
                function_,
                code_sha256=checked.code_sha256,
                code_size=len(checked.content),
                unpacked_bytes=checked.unpacked_bytes,
            )
        )
        try:
            change = Change(key, None, function.encode(created), code=checked)
            await self.store.commit(change)
        except Conflict:
            raise _exists(name) from None
        return created

    def new(
        self, region: str, name: str, configuration: Configuration, tags: Mapping[str, str]
    ) -> Function:
        """A function as `create` takes it."""
        return Function(
            name=name,
            arn=function_arn(region, self.account, name),
            region=region,
            configuration=configuration,
            code_sha256="",
            code_size=0,
            last_modified=0.0,
            revision_id="",
            tags=dict(tags),
        )

    async def get(self, region: str, name: str) -> Function:
        """A function's `$LATEST`, with what all its versions share. Raises FunctionNotFound."""
        return function.decode(await self.stored(region, name))

    async def page(self, region: str, start_after: str, limit: int) -> list[Function]:
        """Functions in order of their names, from the first after the given one."""
        found = await self.store.page(function_keys.functions_span(region, start_after), limit)
        return [function.decode(stored) for _, stored in found]

    async def every(self, region: str) -> list[Function]:
        """All functions of a region."""
        found = await self.store.every(function_keys.functions_span(region))
        return [function.decode(stored) for _, stored in found]

    async def code(self, of: Function) -> bytes:
        """A function's zip, as it was uploaded."""
        content = await self.store.code(package.digest_of(of.code_sha256))
        if content is None:
            raise ServiceException(f"The code of the function is missing: {of.arn}")
        return content

    async def check_update(self, old: Function, code: bytes, revision_id: str | None) -> Function:
        """What updating a function's code would make of it, and raise; nothing is kept."""
        check_revision(old.revision_id, revision_id)
        checked = await asyncio.to_thread(package.check, code)
        await self._check(old.configuration, checked.unpacked_bytes)
        return replace(old, code_sha256=checked.code_sha256, code_size=len(checked.content))

    async def update_code(
        self, region: str, name: str, code: bytes, revision_id: str | None = None
    ) -> Function:
        """Give a function other code; revision_id: refuse if it has changed since."""
        stored = await self.stored(region, name)
        old = function.decode(stored)
        check_revision(old.revision_id, revision_id)
        checked = await self._checked_code(code)
        await self._check(old.configuration, checked.unpacked_bytes)
        new = replace(
            old,
            code_sha256=checked.code_sha256,
            code_size=len(checked.content),
            unpacked_bytes=checked.unpacked_bytes,
        )
        return await self._replace(new, stored, checked)

    async def update_configuration(
        self,
        region: str,
        name: str,
        change: ConfigurationChange,
        revision_id: str | None = None,
    ) -> Function:
        """Change a function's configuration; revision_id: refuse if it has changed since."""
        stored = await self.stored(region, name)
        old = function.decode(stored)
        check_revision(old.revision_id, revision_id)
        named = {each.name: getattr(change, each.name) for each in fields(change)}
        named = {name: value for name, value in named.items() if value is not None}
        configuration = replace(old.configuration, **named)
        await self._check(configuration, old.unpacked_bytes)
        return await self._replace(replace(old, configuration=configuration), stored)

    async def alter(
        self, region: str, name: str, change: Callable[[Function], Function]
    ) -> Function:
        """Change what a function's versions share, or its tags; its revision stays the same.

        change: pure, as it may run again. Raises what it raises, and FunctionNotFound.
        """
        for _ in range(_TRIES_MAX):
            stored = await self.stored(region, name)
            changed = change(function.decode(stored))
            try:
                await self.store.commit(
                    Change(function_keys.function(region, name), stored, function.encode(changed))
                )
            except Conflict:
                continue
            return changed
        raise self.busy(region, name)

    async def reserve(self, region: str, name: str, reserved: int | None) -> None:
        """Give a function so many invocations at once to itself, or none.

        Raises InvalidParameterValueException if too few were left to others, FunctionNotFound.
        """
        key, total_key = function_keys.function(region, name), _reserved_key(region)
        for _ in range(_TRIES_MAX):
            stored, total = await self.current(region, name)
            old = function.decode(stored).shared
            left = concurrency.after(total, old.reserved, reserved)
            changed = replace(function.decode(stored), shared=replace(old, reserved=reserved))
            change = Change(
                key,
                stored,
                function.encode(changed),
                beside={total_key: left},
                unchanged={total_key: total},
            )
            try:
                await self.store.commit(change)
            except Conflict:
                continue
            return
        raise self.busy(region, name)

    async def delete(self, region: str, name: str) -> None:
        """Forget a function and all its versions. See `Pool.forget` and sweeper.py."""
        key, total_key = function_keys.function(region, name), _reserved_key(region)
        stored, total = await self.current(region, name)
        versions = await self.store.every(function_keys.function_versions_span(region, name))
        gone: dict[bytes, bytes | None] = {key: None for key, _ in versions}
        reserved = function.decode(stored).shared.reserved
        gone[total_key] = concurrency.after(total, reserved, None)
        try:
            await self.store.commit(Change(key, stored, None, gone, unchanged={total_key: total}))
        except Conflict:
            raise self.busy(region, name) from None

    async def reserved(self, region: str) -> int:
        """How much of a region's concurrency functions have to themselves."""
        return concurrency.total_of(await self.store.get(_reserved_key(region)))

    async def current(self, region: str, name: str) -> tuple[bytes, bytes | None]:
        """A function's stored bytes, and those of what its region has reserved.

        Raises FunctionNotFound.
        """
        keys = [function_keys.function(region, name), _reserved_key(region)]
        stored, total = await self.store.get_all(keys)
        if stored is None:
            raise not_found(function_arn(region, self.account, name))
        return stored, total

    async def stored(self, region: str, name: str) -> bytes:
        """A function's stored bytes. Raises FunctionNotFound."""
        stored, _ = await self.current(region, name)
        return stored

    def check_destination(self, arn: str) -> None:
        """Raises InvalidParameterValueException for an ARN that no message can be sent to."""
        refusal = self.machine.refusal(arn)
        if refusal is not None:
            raise InvalidParameterValueException(
                f"The provided destination config DestinationConfig is invalid: {refusal}"
            )

    def busy(self, region: str, name: str) -> ResourceConflictException:
        """Somebody else changes the function at the same time."""
        return ResourceConflictException(
            "The operation cannot be performed at this time. An update is in progress for "
            f"resource: {function_arn(region, self.account, name)}"
        )

    async def _checked_code(self, code: bytes) -> Package:
        """Check and unpack a zip: damage is found before anything is kept."""
        checked = await asyncio.to_thread(package.check, code)
        await self.machine.code.unpack(checked)
        return checked

    async def _replace(self, new: Function, stored: bytes, code: Package | None = None) -> Function:
        changed = self._stamped(new)
        key = function_keys.function(new.region, new.name)
        try:
            await self.store.commit(Change(key, stored, function.encode(changed), code=code))
        except Conflict:
            raise self.busy(new.region, new.name) from None
        return changed

    def _stamped(self, new: Function) -> Function:
        machine = self.machine
        return replace(new, last_modified=machine.clock.now(), revision_id=machine.chance.uuid())

    async def _check(self, configuration: Configuration, unpacked_bytes: int) -> None:
        rules.check(configuration)
        if configuration.dead_letter:
            self.check_destination(configuration.dead_letter)
        if await self.machine.runtimes.find(configuration.runtime) is None:
            offered = ", ".join(await self.machine.runtimes.offered())
            raise InvalidParameterValueException(
                f"The runtime {configuration.runtime} is not available on this server. "
                f"Available: {offered}"
            )
        rules.check_size(configuration, unpacked_bytes)


def _reserved_key(region: str) -> bytes:
    return function_keys.reserved_concurrency(region)


def not_found(arn: str) -> FunctionNotFound:
    """AWS's word for a function, version or alias that is not there."""
    return FunctionNotFound(f"Function not found: {arn}")


def check_revision(current: str, wanted: str | None) -> None:
    """Raises PreconditionFailedException if a caller has not seen the current revision."""
    if wanted is not None and wanted != current:
        raise PreconditionFailedException


def _exists(name: str) -> ResourceConflictException:
    return ResourceConflictException(f"Function already exist: {name}")
