"""Published versions and aliases: making them, and what a qualifier means.

A version is `$LATEST` as it was when it was published, under a number that is never given again. An
alias is a name for a version; with weights, a share of its invocations goes to a second one.
Source: AWS Lambda Developer Guide, "Manage Lambda function versions", "Create an alias for a Lambda
function".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
    ResourceConflictException,
)
from headwater.functions import function
from headwater.functions.function import LATEST, Function
from headwater.functions.registry import Registry, check_revision, not_found
from headwater.functions.shared import Alias, Shared
from headwater.functions.store import Change, Conflict
from headwater.storage import function_keys

_NUMBER: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_TRIES_MAX: Final = 10
Value = TypeVar("Value")


def is_number(qualifier: str) -> bool:
    """Whether a qualifier is a version's number, which no alias can have as its name."""
    return _NUMBER.fullmatch(qualifier) is not None


@dataclass(frozen=True, slots=True)
class Publication:
    """What PublishVersion is told: a description, and what must be the case for it to be done."""

    description: str | None = None
    code_sha256: str | None = None
    revision_id: str | None = None


class Versions:
    """The versions of the functions of a registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store

    async def publish(self, region: str, name: str, wanted: Publication) -> Function:
        """Make a version of `$LATEST`; the last one again if nothing has changed since.

        Raises PreconditionFailedException, InvalidParameterValueException.
        """
        key = function_keys.function(region, name)
        for _ in range(_TRIES_MAX):
            stored = await self._registry.stored(region, name)
            latest = function.decode(stored)
            _check(latest, wanted)
            last = await self._last(latest)
            if last is not None and _is_same(last, latest):
                return last
            published, changed = self._next(latest, wanted)
            version_key = function_keys.function_version(region, name, published.number)
            version = {version_key: function.encode(published)}
            try:
                await self._store.commit(Change(key, stored, function.encode(changed), version))
            except Conflict:
                continue
            return published
        raise self._registry.busy(region, name)

    def _next(self, latest: Function, wanted: Publication) -> tuple[Function, Function]:
        """The version to store, and the function that counts it."""
        number = latest.shared.versions_count + 1
        configuration = latest.configuration
        if wanted.description is not None:
            configuration = replace(configuration, description=wanted.description)
        published = replace(
            latest,
            configuration=configuration,
            version=str(number),
            revision_id=self._registry.machine.chance.uuid(),
            tags={},
            shared=Shared(),
        )
        return published, replace(latest, shared=replace(latest.shared, versions_count=number))

    async def _last(self, latest: Function) -> Function | None:
        number = latest.shared.versions_count
        return await self._published(latest, number) if number else None

    async def _published(self, latest: Function, number: int) -> Function | None:
        key = function_keys.function_version(latest.region, latest.name, number)
        stored = await self._store.get(key)
        return None if stored is None else function.decode(stored)

    async def page(self, latest: Function, after: int, limit: int) -> list[Function]:
        """Published versions in order of their numbers, from the first after the given one."""
        span = function_keys.function_versions_span(latest.region, latest.name, after)
        return [function.decode(stored) for _, stored in await self._store.page(span, limit)]

    async def find(self, region: str, name: str, qualifier: str | None) -> Function:
        """The version that a qualifier means; an alias means its own. Raises FunctionNotFound."""
        latest = await self._registry.get(region, name)
        alias = latest.shared.aliases.get(qualifier or "")
        return await self.of(latest, qualifier if alias is None else alias.version)

    async def of(self, latest: Function, version: str | None) -> Function:
        """A version of a function, by its number or `$LATEST`. Raises FunctionNotFound."""
        if version is None or version == LATEST:
            return latest
        found = None
        if is_number(version):
            found = await self._published(latest, int(version))
        if found is None:
            raise not_found(f"{latest.arn}:{version}")
        return found

    async def delete(self, region: str, name: str, qualifier: str) -> Function:
        """Forget a published version; one that is not there is gone already. Returns `$LATEST`.

        Raises InvalidParameterValueException for `$LATEST` and aliases, ResourceConflictException
        for a version that an alias needs.
        """
        if qualifier == LATEST or not is_number(qualifier):
            raise InvalidParameterValueException(
                f"{qualifier} version cannot be deleted without deleting the function."
                if qualifier == LATEST
                else f"Deletion of aliases is not currently supported: {qualifier}"
            )
        stored = await self._registry.stored(region, name)
        latest = function.decode(stored)
        users = _users(latest.shared.aliases, qualifier)
        if users:
            raise ResourceConflictException(
                f"Version {latest.arn}:{qualifier} is referenced by the following aliases: "
                f"[{', '.join(users)}]. Cannot delete version."
            )
        changed = replace(latest, shared=without(latest.shared, qualifier))
        gone = {function_keys.function_version(region, name, int(qualifier)): None}
        key = function_keys.function(region, name)
        try:
            await self._store.commit(Change(key, stored, function.encode(changed), gone))
        except Conflict:
            raise self._registry.busy(region, name) from None
        return changed

    async def create_alias(self, region: str, name: str, alias: Alias) -> Alias:
        """Give a version a name. Raises ResourceConflictException if the name is taken."""

        def change(latest: Function) -> Function:
            if alias.name in latest.shared.aliases:
                raise ResourceConflictException(f"Alias already exists: {latest.arn}:{alias.name}")
            return with_alias(latest, alias)

        await self._check_alias(region, name, alias)
        changed = await self._registry.alter(region, name, self._fresh(change, alias.name))
        return changed.shared.aliases[alias.name]

    async def update_alias(
        self, region: str, name: str, alias: Alias, revision_id: str | None
    ) -> Alias:
        """Change an alias. revision_id: refuse if it has changed since."""

        def change(latest: Function) -> Function:
            check_revision(find_alias(latest, alias.name).revision_id, revision_id)
            return with_alias(latest, alias)

        await self._check_alias(region, name, alias)
        changed = await self._registry.alter(region, name, self._fresh(change, alias.name))
        return changed.shared.aliases[alias.name]

    async def delete_alias(self, region: str, name: str, alias_name: str) -> None:
        """Forget an alias and what is set for it; one that is not there is gone already."""

        def change(latest: Function) -> Function:
            return replace(latest, shared=without(latest.shared, alias_name))

        await self._registry.alter(region, name, change)

    def _fresh(
        self, change: Callable[[Function], Function], alias_name: str
    ) -> Callable[[Function], Function]:
        """A change after which the alias has a new revision."""

        def changed(latest: Function) -> Function:
            after = change(latest)
            alias = after.shared.aliases[alias_name]
            revision_id = self._registry.machine.chance.uuid()
            return with_alias(after, replace(alias, revision_id=revision_id))

        return changed

    async def _check_alias(self, region: str, name: str, alias: Alias) -> None:
        latest = await self._registry.get(region, name)
        for version in (alias.version, *alias.weights):
            await self.of(latest, version)
        if alias.weights:
            _check_weights(alias)


def with_alias(latest: Function, alias: Alias) -> Function:
    """A function with an alias added or replaced."""
    aliases = {**latest.shared.aliases, alias.name: alias}
    return replace(latest, shared=replace(latest.shared, aliases=aliases))


def without(shared: Shared, qualifier: str) -> Shared:
    """What is shared, without anything of one alias or version."""

    return replace(
        shared,
        changes=shared.changes + 1,
        aliases=_others(shared.aliases, qualifier),
        async_settings=_others(shared.async_settings, qualifier),
        policies=_others(shared.policies, qualifier),
    )


def _others(held: Mapping[str, Value], name: str) -> dict[str, Value]:
    return {each: value for each, value in held.items() if each != name}


def find_alias(latest: Function, name: str) -> Alias:
    """An alias by name. Raises FunctionNotFound."""
    alias = latest.shared.aliases.get(name)
    if alias is None:
        raise FunctionNotFound(f"Cannot find alias arn: {latest.arn}:{name}")
    return alias


def _users(aliases: Mapping[str, Alias], version: str) -> list[str]:
    return [each.name for each in aliases.values() if version in (each.version, *each.weights)]


def _check(latest: Function, wanted: Publication) -> None:
    check_revision(latest.revision_id, wanted.revision_id)
    if wanted.code_sha256 is not None and wanted.code_sha256 != latest.code_sha256:
        raise InvalidParameterValueException(
            f"CodeSHA256 ({wanted.code_sha256}) is different from current CodeSHA256 in $LATEST "
            f"({latest.code_sha256}). Please try again with the CodeSHA256 in $LATEST."
        )


def _is_same(last: Function, latest: Function) -> bool:
    """Whether publishing would make what there is; a version's own description is no change."""
    undescribed = replace(last.configuration, description=latest.configuration.description)
    return last.code_sha256 == latest.code_sha256 and undescribed == latest.configuration


def _check_weights(alias: Alias) -> None:
    if len(alias.weights) > 1:
        raise InvalidParameterValueException(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    if alias.version in alias.weights:
        raise InvalidParameterValueException(
            f"Invalid function version {alias.version}. Function version {alias.version} is "
            "already included in routing configuration."
        )
    if LATEST in (alias.version, *alias.weights):
        raise InvalidParameterValueException(
            "$LATEST is not supported for an alias pointing to more than 1 version"
        )
    if not all(0 <= weight <= 1 for weight in alias.weights.values()):
        raise InvalidParameterValueException(
            "The weight of a version must be between 0.0 and 1.0 (inclusive)."
        )
