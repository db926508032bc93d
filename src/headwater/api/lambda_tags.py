"""Tags of what Lambda has: those of functions are their handlers', those of mappings are here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headwater.api.operation import Call, Handler
from headwater.api.reply import Reply
from headwater.arn import MappingName, parse_mapping
from headwater.errors import InvalidParameterValueException
from headwater.limits import tags_max
from headwater.mappings.changes import mapping_missing
from headwater.mappings.mapping import EventSourceMapping
from headwater.mappings.service import MappingService

_NO_CONTENT: Final = 204


class LambdaTagHandlers:
    """The handlers of tags, over those of functions' tags."""

    def __init__(
        self, service: MappingService, account: str, others: Mapping[tuple[str, str], Handler]
    ) -> None:
        self._service = service
        self._account = account
        self._others = others

    def handlers(self) -> Mapping[tuple[str, str], Handler]:
        """Every handler, by service and operation."""
        return {
            ("lambda", "TagResource"): self.tag_resource,
            ("lambda", "UntagResource"): self.untag_resource,
            ("lambda", "ListTags"): self.list_tags,
        }

    async def tag_resource(self, call: Call) -> Reply:
        name = parse_mapping(call.input["Resource"])
        if name is None:
            return await self._others["lambda", "TagResource"](call)
        given = call.input["Tags"]

        def retagged(tags: dict[str, str]) -> dict[str, str]:
            after = {**tags, **given}
            if len(after) > tags_max:
                raise InvalidParameterValueException(
                    f"An event source mapping can have at most {tags_max} tags."
                )
            return after

        await self._service.retag(await self._mapping(call, name), retagged)
        return Reply(b"", _NO_CONTENT)

    async def untag_resource(self, call: Call) -> Reply:
        name = parse_mapping(call.input["Resource"])
        if name is None:
            return await self._others["lambda", "UntagResource"](call)
        gone = set(call.input["TagKeys"])
        await self._service.retag(
            await self._mapping(call, name),
            lambda tags: {key: value for key, value in tags.items() if key not in gone},
        )
        return Reply(b"", _NO_CONTENT)

    async def list_tags(self, call: Call) -> Reply:
        name = parse_mapping(call.input["Resource"])
        if name is None:
            return await self._others["lambda", "ListTags"](call)
        mapping = await self._mapping(call, name)
        return Reply.json({"Tags": dict(mapping.tags)})

    async def _mapping(self, call: Call, name: MappingName) -> EventSourceMapping:
        if (name.region, name.account) != (call.region, self._account):
            raise mapping_missing()
        return await self._service.get(call.region, name.uuid)
