"""Clients that write until the server is gone, each to keys of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from headwater.cli.client import Client
from tests.torture.journal import Value
from tests.torture.world import World, ask

SORT_KEYS: Final = 6
_LARGE: Final = {"S": "x" * 5000}
Tick = Callable[[], None]
"""Called after every answer to a write."""


def item_of(key: str, value: int, *, is_large: bool) -> dict[str, Any]:
    item = {
        **key_of(key),
        "n": {"N": str(value)},
        "parity": {"N": str(value % 2)},
        "until": {"N": str(4 * 10**9 + value)},
    }
    return {**item, "padding": _LARGE} if is_large else item


def key_of(key: str) -> dict[str, Any]:
    partition, _, sort = key.partition("/")
    return {"pk": {"S": partition}, "sk": {"N": sort}}


async def write_journaled(client: Client, world: World, place: tuple[str, int], tick: Tick) -> None:
    """Write items of a table in every way there is, without end; place: the table, and a lane."""
    table, lane = place
    chance = world.chance
    while True:
        wanted = chance.sample(range(SORT_KEYS), chance.choice((1, 1, 1, 1, 3)))
        values = {f"p{lane}/{sort}": world.number() for sort in wanted}
        if len(values) > 1:
            await _write_batch(client, world, table, values)
        else:
            ((key, value),) = values.items()
            await _write_one(client, world, (table, key), value)
        tick()


async def _write_one(client: Client, world: World, place: tuple[str, str], value: int) -> None:
    table, key = place
    chance, journal = world.chance, world.journals[table]
    kind = chance.choice(("put", "update", "delete", "transact", "batched delete"))
    journal.send(key, None if kind.endswith("delete") else value)
    item = item_of(key, value, is_large=chance.random() < 0.1)
    match kind:
        case "put":
            await ask(client, "PutItem", TableName=table, Item=item)
        case "delete":
            await ask(client, "DeleteItem", TableName=table, Key=key_of(key))
        case "update":
            await ask(client, "UpdateItem", TableName=table, Key=key_of(key), **_update(value))
        case "transact":
            put = {"Put": {"TableName": table, "Item": item}}
            token = f"put-{value}"
            await ask(client, "TransactWriteItems", TransactItems=[put], ClientRequestToken=token)
        case _:
            delete = {"DeleteRequest": {"Key": key_of(key)}}
            await ask(client, "BatchWriteItem", RequestItems={table: [delete]})
    journal.answer(key)


def _update(value: int) -> dict[str, Any]:
    return {
        "UpdateExpression": "SET n = :n, parity = :p",
        "ExpressionAttributeValues": {":n": {"N": str(value)}, ":p": {"N": str(value % 2)}},
    }


async def _write_batch(client: Client, world: World, table: str, values: dict[str, int]) -> None:
    """Put several items in one batch, which is no transaction: each may be made or not."""
    journal = world.journals[table]
    for key, value in values.items():
        journal.send(key, value)
    puts = [
        {"PutRequest": {"Item": item_of(key, value, is_large=False)}}
        for key, value in values.items()
    ]
    answer = await ask(client, "BatchWriteItem", RequestItems={table: puts})
    assert not answer.get("UnprocessedItems"), "nothing here is throttled"
    for key in values:
        journal.answer(key)


async def transfer(client: Client, world: World, accounts: Sequence[str], tick: Tick) -> None:
    """Move money between accounts without end, each time in one transaction with a token."""
    while True:
        giver, taker = world.chance.sample(list(accounts), 2)
        token = f"transfer-{world.number()}"
        world.transfers[token] = (giver, taker, world.chance.randint(1, 50))
        await make_transfer(client, world, token)
        tick()


async def make_transfer(client: Client, world: World, token: str) -> None:
    """Make a transfer, or learn that it was made before."""
    giver, taker, amount = world.transfers[token]
    changes = [
        {
            "Update": {
                "TableName": "bank",
                "Key": {"pk": {"S": account}},
                "UpdateExpression": "ADD balance :by",
                "ExpressionAttributeValues": {":by": {"N": str(by)}},
            }
        }
        for account, by in ((giver, -amount), (taker, amount))
    ]
    await ask(client, "TransactWriteItems", TransactItems=changes, ClientRequestToken=token)
    world.balances[giver] -= amount
    world.balances[taker] += amount
    del world.transfers[token]


async def write_fleeting(client: Client, world: World, tick: Tick) -> None:
    """Put items that expire at once or in a second, without end."""
    while True:
        number = world.number()
        until = int(time.time()) + world.chance.choice((-5, 0, 1))
        item = {"pk": {"S": f"f{number}"}, "n": {"N": str(number)}, "until": {"N": str(until)}}
        await ask(client, "PutItem", TableName="fleeting", Item=item)
        tick()


def value_of(item: dict[str, Any]) -> tuple[str, Value]:
    """The key of a journaled item as the journal has it, and its number."""
    return f"{item['pk']['S']}/{item['sk']['N']}", int(item["n"]["N"])
