"""Lambda's operations on layers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from headwater.api import function_form as form
from headwater.api import paging
from headwater.api.function_code import CodeSource
from headwater.api.locations import Locations
from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import parse_layer
from headwater.errors import InvalidParameterValueException
from headwater.functions import package
from headwater.functions.layers import Layers, LayerVersion


class LayerHandlers:
    """The handlers of layers."""

    def __init__(self, layers: Layers, source: CodeSource, locations: Locations) -> None:
        self._layers = layers
        self._source = source
        self._locations = locations

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        handlers: Mapping[str, Handler] = {
            "PublishLayerVersion": self.publish_layer_version,
            "GetLayerVersion": self.get_layer_version,
            "GetLayerVersionByArn": self.get_layer_version_by_arn,
            "ListLayers": self.list_layers,
            "ListLayerVersions": self.list_layer_versions,
            "DeleteLayerVersion": self.delete_layer_version,
        }
        return {("lambda", name): handler for name, handler in handlers.items()}

    async def publish_layer_version(self, call: Call) -> Reply:
        request = call.input
        form.check_code(request["Content"])
        code = await self._source.content(form.code_of(request["Content"]))
        name = self._name(call)
        layer = LayerVersion(
            name=name,
            arn=self._layers.arn(call.region, name),
            region=call.region,
            number=0,
            description=request.get("Description", ""),
            license=request.get("LicenseInfo"),
            runtimes=tuple(request.get("CompatibleRuntimes", ())),
            architectures=tuple(request.get("CompatibleArchitectures", ())),
            created=0.0,
            code_sha256="",
            code_size=0,
            unpacked_bytes=0,
        )
        return Reply.json(self._whole(await self._layers.publish(layer, code)))

    async def get_layer_version(self, call: Call) -> Reply:
        number = call.input["VersionNumber"]
        found = await self._layers.get(call.region, self._name(call), number)
        return Reply.json(self._whole(found))

    async def get_layer_version_by_arn(self, call: Call) -> Reply:
        region, name, number = self._layers.parsed(call.input["Arn"])
        return Reply.json(self._whole(await self._layers.get(region, name, number)))

    async def list_layers(self, call: Call) -> Reply:
        """Each layer with its newest version that fits, if it has one."""
        limit = paging.limit_of(call.input)
        found = []
        for name in await self._layers.names(call.region, paging.start_of(call.input)):
            versions = await self._layers.versions(call.region, name)
            fitting = [each for each in versions if _fits(each, call.input)]
            if fitting:
                found.append(fitting[0])
            if len(found) > limit:
                break
        answer: dict[str, Any] = {
            "Layers": [
                {
                    "LayerName": each.name,
                    "LayerArn": each.arn,
                    "LatestMatchingVersion": _shape(each),
                }
                for each in found[:limit]
            ]
        }
        if len(found) > limit:
            answer["NextMarker"] = paging.marker(found[limit - 1].name)
        return Reply.json(answer)

    async def list_layer_versions(self, call: Call) -> Reply:
        """A layer's versions, newest first; a position is a number."""
        limit = paging.limit_of(call.input)
        before = paging.number_of(call.input)
        found = [
            each
            for each in await self._layers.versions(call.region, self._name(call))
            if _fits(each, call.input) and (not before or each.number < before)
        ]
        answer: dict[str, Any] = {"LayerVersions": [_shape(each) for each in found[:limit]]}
        if len(found) > limit:
            answer["NextMarker"] = paging.marker(found[limit - 1].number)
        return Reply.json(answer)

    async def delete_layer_version(self, call: Call) -> Reply:
        number = call.input["VersionNumber"]
        await self._layers.delete(call.region, self._name(call), number)
        return Reply(b"", 204)

    def _name(self, call: Call) -> str:
        """The bare name of the layer asked for. Raises InvalidParameterValueException."""
        name: str = call.input["LayerName"]
        if not name.startswith("arn:"):
            return name
        parts = parse_layer(name)
        if parts is None or self._layers.arn(call.region, parts.layer) != name:
            raise InvalidParameterValueException(
                f"The ARN is not of a layer of this account and region: {name}"
            )
        return parts.layer

    def _whole(self, layer: LayerVersion) -> dict[str, Any]:
        """A version with where its content is."""
        location = self._locations.of(package.digest_of(layer.code_sha256))
        return {
            **_shape(layer),
            "LayerArn": layer.arn,
            "Content": {
                "Location": location,
                "CodeSha256": layer.code_sha256,
                "CodeSize": layer.code_size,
            },
        }


def _fits(layer: LayerVersion, asked: Mapping[str, Any]) -> bool:
    runtime, architecture = asked.get("CompatibleRuntime"), asked.get("CompatibleArchitecture")
    return (runtime is None or runtime in layer.runtimes) and (
        architecture is None or architecture in layer.architectures
    )


def _shape(layer: LayerVersion) -> dict[str, Any]:
    moment = datetime.fromtimestamp(layer.created, UTC).isoformat(timespec="milliseconds")
    answer: dict[str, Any] = {
        "LayerVersionArn": layer.version_arn,
        "Version": layer.number,
        "Description": layer.description,
        "CreatedDate": moment.replace("+00:00", "+0000"),
    }
    if layer.runtimes:
        answer["CompatibleRuntimes"] = list(layer.runtimes)
    if layer.architectures:
        answer["CompatibleArchitectures"] = list(layer.architectures)
    if layer.license is not None:
        answer["LicenseInfo"] = layer.license
    return answer
