"""Functions that are invoked by name: asynchronous invocations, and versions that are published."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from typing import Any, Final

from botocore.exceptions import BotoCoreError

from headwater.cli.client import Client, ServerGone
from headwater.cli.deployment import deploy, packed
from tests.torture.world import FUNCTION, World, settled

Finish = Callable[[Client], Awaitable[None]]

ALIAS: Final = "current"
_SECONDS_MAX: Final = 300


def prepare(world: World, functions: Any) -> None:
    """Deploy a function that is invoked asynchronously, and one whose versions tell a number."""
    variables = {"Variables": {"NOTES": str(world.notes)}}
    deploy(functions, "later", packed(FUNCTION), {"Handler": "app.later", "Environment": variables})
    deploy(functions, "numbered", _numbered(0), {"Handler": "app.handler"})
    functions.publish_version(FunctionName="numbered")
    functions.create_alias(FunctionName="numbered", Name=ALIAS, FunctionVersion="1")
    world.versions["1"] = 0


async def invoke(world: World, functions: Any, tick: Callable[[], None]) -> None:
    """Invoke a function asynchronously without end."""
    while True:
        number = world.number()
        payload = json.dumps({"number": number})
        asked = {"FunctionName": "later", "InvocationType": "Event", "Payload": payload}
        await _ask(functions.invoke, asked)
        world.invoked.add(str(number))
        tick()


async def prove(client: Client, world: World) -> None:
    """Whatever invocation was accepted happens."""
    async with asyncio.timeout(_SECONDS_MAX):
        while not world.invoked <= {number for (number,) in world.noted("later")}:
            await settled(client, "orders")


async def publish(_client: Client, world: World) -> Finish:
    """Publish a version and point the alias at it; begin to publish another."""
    functions = world.functions()
    number = world.number()
    version = await _publish(functions, number)
    world.versions[version] = number
    await _ask(
        functions.update_alias,
        {"FunctionName": "numbered", "Name": ALIAS, "FunctionVersion": version},
    )
    later = world.number()
    unanswered = asyncio.create_task(_publish(functions, later))

    async def finish(_client: Client) -> None:
        assert unanswered.done(), "the kill has ended it"
        functions = world.functions()
        listed = functions.list_versions_by_function(FunctionName="numbered")["Versions"]
        unknown = {each["Version"] for each in listed} - world.versions.keys() - {"$LATEST"}
        assert len(unknown) <= 1, "versions came that nobody published"
        world.versions.update(dict.fromkeys(unknown, later))
        assert world.versions.keys() <= {each["Version"] for each in listed}, "a version is gone"
        for qualifier, told in ((ALIAS, number), *((each, later) for each in unknown)):
            asked = {"FunctionName": "numbered", "Qualifier": qualifier}
            answer = await _ask(functions.invoke, asked)
            assert json.load(answer["Payload"]) == told, f"{qualifier} is not what was published"

    return finish


async def _publish(functions: Any, number: int) -> str:
    asked = {"FunctionName": "numbered", "ZipFile": _numbered(number), "Publish": True}
    answer = await _ask(functions.update_function_code, asked)
    return str(answer["Version"])


async def _ask(method: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Call a method of boto3's in a thread; raises ServerGone."""
    try:
        answer: dict[str, Any] = await asyncio.to_thread(method, **asked)
    except BotoCoreError as error:
        raise ServerGone(str(error)) from error
    return answer


def _numbered(number: int) -> bytes:
    """The code of a function that returns a number."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("app.py", f"def handler(event, context):\n    return {number}\n")
    return archive.getvalue()
