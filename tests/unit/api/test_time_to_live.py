"""UpdateTimeToLive and DescribeTimeToLive, as a client sees them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from headwater.api.operation import Call
from headwater.api.time_to_live import TimeToLiveHandlers
from headwater.errors import (
    ResourceInUseException,
    ResourceNotFoundException,
    ServiceError,
    ValidationException,
)
from tests.unit.tables.running import ACCOUNT, REGION, Running, checked, running

ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/music"


class Client:
    """Calls the handlers as the dispatcher does."""

    def __init__(self, here: Running) -> None:
        self.here = here
        self._handlers = TimeToLiveHandlers(here.catalog).handlers()

    async def switch(self, *, is_on: bool, name: str = "music", attribute: str = "ttl") -> Any:
        specification = {"Enabled": is_on, "AttributeName": attribute}
        return await self._call(
            "UpdateTimeToLive", TableName=name, TimeToLiveSpecification=specification
        )

    async def describe(self, name: str = "music") -> Any:
        answer = await self._call("DescribeTimeToLive", TableName=name)
        return answer["TimeToLiveDescription"]

    async def _call(self, operation: str, **body: Any) -> Any:
        call = Call("dynamodb", operation, REGION, None, checked(operation, body), "id", b"")
        return orjson.loads((await self._handlers["dynamodb", operation](call)).body)


async def refusal(call: Awaitable[Any]) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await call
    return refused.value


def serve(body: Callable[[Client], Awaitable[None]]) -> None:
    async def main() -> None:
        async with running() as here:
            await body(Client(here))

    asyncio.run(main())


def test_a_table_has_no_time_to_live_of_its_own():
    async def body(client: Client) -> None:
        await client.here.active()

        assert await client.describe() == {"TimeToLiveStatus": "DISABLED"}

    serve(body)


def test_time_to_live_passes_through_its_states():
    async def body(client: Client) -> None:
        await client.here.active()

        answer = await client.switch(is_on=True)
        states = [await client.describe()]
        await client.here.advance()
        states.append(await client.describe())
        await client.switch(is_on=False)
        states.append(await client.describe())
        await client.here.advance()
        states.append(await client.describe())

        assert answer == {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}}
        assert states == [
            {"TimeToLiveStatus": "ENABLING", "AttributeName": "ttl"},
            {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"},
            {"TimeToLiveStatus": "DISABLING", "AttributeName": "ttl"},
            {"TimeToLiveStatus": "DISABLED"},
        ]

    serve(body)


def test_a_table_may_be_named_by_its_arn():
    async def body(client: Client) -> None:
        await client.here.active()

        await client.switch(is_on=True, name=ARN)

        assert (await client.describe(ARN))["TimeToLiveStatus"] == "ENABLING"

    serve(body)


def test_a_refused_switch_changes_nothing():
    async def body(client: Client) -> None:
        await client.here.active()
        await client.switch(is_on=True)
        await client.here.advance()

        error = await refusal(client.switch(is_on=True, attribute="other"))

        assert isinstance(error, ValidationException)
        assert await client.describe() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}

    serve(body)


def test_a_second_switch_while_the_first_is_under_way_is_refused():
    async def body(client: Client) -> None:
        await client.here.active()
        await client.switch(is_on=True)

        error = await refusal(client.switch(is_on=False))

        assert error.message == (
            "Time to live has been modified multiple times within a fixed interval"
        )

    serve(body)


def test_a_table_being_created_can_be_neither_described_nor_switched():
    async def body(client: Client) -> None:
        await client.here.create()

        described = await refusal(client.describe())
        switched = await refusal(client.switch(is_on=True))

        assert isinstance(described, ValidationException)
        assert described.message == (
            "Cannot describe time to live while table is in CREATING state: "
            "Current table state is CREATING"
        )
        assert isinstance(switched, ResourceInUseException)

    serve(body)


def test_an_unknown_table_is_named():
    async def body(client: Client) -> None:
        errors = [await refusal(client.describe()), await refusal(client.switch(is_on=True))]

        assert [(type(error), error.message) for error in errors] == 2 * [
            (
                ResourceNotFoundException,
                "Requested resource not found: Table: music not found",
            )
        ]

    serve(body)


@pytest.mark.parametrize("length", [0, 256])
def test_the_name_of_the_attribute_has_a_limited_length(length):
    async def body(client: Client) -> None:
        await client.here.active()

        error = await refusal(client.switch(is_on=True, attribute="a" * length))

        assert isinstance(error, ValidationException)
        assert "timeToLiveSpecification.attributeName" in (error.message or "")

    serve(body)
