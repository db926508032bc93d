"""Layers: zips that several functions share, published in versions, found under `/opt` on Lambda.

A version never changes, and its number is never given again. One that is deleted is not found by
functions that are configured later, while those that have it keep it.
Source: AWS Lambda Developer Guide, "Managing Lambda dependencies with layers".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

import orjson

from headwater.arn import layer_arn, parse_layer
from headwater.clock import Clock
from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
    ResourceConflictException,
)
from headwater.functions import package
from headwater.functions.function import UsedLayer
from headwater.functions.package import CodeFolder
from headwater.functions.store import Change, Conflict, FunctionStore
from headwater.limits import function_layers_max
from headwater.storage import function_keys, keyspace

_TRIES_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version. arn: of the layer, without the version. created: epoch seconds."""

    name: str
    arn: str
    region: str
    number: int
    description: str
    license: str | None
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]
    created: float
    code_sha256: str
    code_size: int
    unpacked_bytes: int

    @property
    def key(self) -> bytes:
        """Where it is stored."""
        return function_keys.layer_version(self.region, self.name, self.number)

    @property
    def version_arn(self) -> str:
        return f"{self.arn}:{self.number}"


def decode(stored: bytes) -> LayerVersion:
    """The version that `_encode` was given."""
    members = orjson.loads(stored)
    members["runtimes"] = tuple(members["runtimes"])
    members["architectures"] = tuple(members["architectures"])
    return LayerVersion(**members)


def _encode(layer: LayerVersion) -> bytes:
    return orjson.dumps(asdict(layer), option=orjson.OPT_SORT_KEYS)


class Layers:
    """The layers of all regions of one account."""

    def __init__(
        self, store: FunctionStore, account: str, folder: CodeFolder, clock: Clock
    ) -> None:
        self._store = store
        self._account = account
        self._folder = folder
        self._clock = clock

    def arn(self, region: str, name: str) -> str:
        return layer_arn(region, self._account, name)

    def parsed(self, arn: str) -> tuple[str, str, int]:
        """Region, name and number of a version's ARN.

        Raises InvalidParameterValueException for what is none, or of another account.
        """
        parts = parse_layer(arn)
        if parts is None or parts.version is None:
            raise InvalidParameterValueException(f"Invalid layer version ARN: {arn}")
        if parts.account != self._account:
            raise InvalidParameterValueException(
                f"Layers of other accounts are not supported on this server: {arn}"
            )
        return parts.region, parts.layer, int(parts.version)

    async def publish(self, layer: LayerVersion, code: bytes) -> LayerVersion:
        """Keep code as the next version; the layer's number and code are filled in."""
        checked = await asyncio.to_thread(package.check, code)
        await self._folder.unpack(checked)
        key = function_keys.layer_count(layer.region, layer.name)
        for _ in range(_TRIES_MAX):
            counted = await self._store.get(key)
            number = int(counted or b"0") + 1
            published = replace(
                layer,
                number=number,
                created=self._clock.now(),
                code_sha256=checked.code_sha256,
                code_size=len(checked.content),
                unpacked_bytes=checked.unpacked_bytes,
            )
            version_key = function_keys.layer_version(layer.region, layer.name, number)
            change = Change(
                key, counted, str(number).encode(), {version_key: _encode(published)}, checked
            )
            try:
                await self._store.commit(change)
            except Conflict:
                continue
            return published
        raise ResourceConflictException(f"The layer is being published by others: {layer.arn}")

    async def get(self, region: str, name: str, number: int) -> LayerVersion:
        """One version. Raises FunctionNotFound, with AWS's text for layers."""
        stored = await self._store.get(function_keys.layer_version(region, name, number))
        if stored is None:
            raise FunctionNotFound("The resource you requested does not exist.")
        return decode(stored)

    async def versions(self, region: str, name: str) -> list[LayerVersion]:
        """Every version of a layer, newest first."""
        found = await self._store.every(function_keys.layer_versions_span(region, name))
        return [decode(stored) for _, stored in reversed(found)]

    async def names(self, region: str, after: str) -> list[str]:
        """The names of layers that ever had a version, from the first after the given one."""
        found = await self._store.every(function_keys.layer_counts_span(region, after))
        return [key.rpartition(keyspace.SEPARATOR)[2].decode() for key, _ in found]

    async def delete(self, region: str, name: str, number: int) -> None:
        """Forget a version; one that is not there is gone already."""
        key = function_keys.layer_version(region, name, number)
        stored = await self._store.get(key)
        if stored is not None:
            await self._store.commit(Change(key, stored, None))

    async def content(self, layer: LayerVersion) -> bytes | None:
        """A version's zip."""
        return await self._store.code(package.digest_of(layer.code_sha256))

    async def used(self, region: str, arns: Sequence[str]) -> tuple[UsedLayer, ...]:
        """What a function keeps of the versions it is configured with.

        Raises InvalidParameterValueException if one is missing or of another region, if there are
        too many, or two of one layer.
        """
        if len(arns) > function_layers_max:
            raise InvalidParameterValueException(
                f"Cannot reference more than {function_layers_max} layers."
            )
        found = []
        for arn in arns:
            layer_region, name, number = self.parsed(arn)
            stored = await self._store.get(function_keys.layer_version(region, name, number))
            if stored is None or layer_region != region:
                raise InvalidParameterValueException(f"Layer version {arn} does not exist.")
            found.append(decode(stored))
        if len({layer.arn for layer in found}) < len(found):
            raise InvalidParameterValueException(
                "Two different versions of the same layer are not allowed to be referenced in the "
                "same function."
            )
        return tuple(
            UsedLayer(each.version_arn, each.code_sha256, each.code_size, each.unpacked_bytes)
            for each in found
        )
