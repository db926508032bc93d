from __future__ import annotations

import asyncio

import pytest

from headwater.api import lab, lab_streams
from headwater.api.operation import Call
from headwater.errors import AccessDeniedException


@pytest.mark.parametrize("name", sorted({**lab.refused(), **lab_streams.refused()}))
def test_server_without_the_lab_refuses_its_operations(name: str) -> None:
    operation = {**lab.refused(), **lab_streams.refused()}[name]
    call = Call("headwater", name, "us-east-1", None, {}, "id", b"")

    async def body() -> None:
        await operation.handler(call)

    with pytest.raises(AccessDeniedException, match=f"{name} needs a server started with --lab"):
        asyncio.run(body())
