"""What takes longer than a request: begun before a kill, and finished, or begun again, after it.

Each work is a function that begins something and gives what finishes it: that is called with a
client of the restarted server, returns once the thing is done, and raises if it came out wrong.
"""

from __future__ import annotations

import gzip
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson

from headwater.cli.client import Client, ServerSaidNo
from tests.torture import globe, invoked, moments
from tests.torture.world import STREAM, World, ask, index, keys, settled, types

Finish = Callable[[Client], Awaitable[None]]
Work = Callable[[Client, World], Awaitable[Finish]]

_IMPORTED: Final = 1500
_SEVERAL: Final = [*keys("parity", "n"), {"AttributeName": "sk", "KeyType": "RANGE"}]


async def change_index(client: Client, world: World) -> Finish:
    """Create the index of a table that is being written, or delete it."""
    present = (await settled(client, "churn")).get("GlobalSecondaryIndexes", [])
    change: dict[str, Any] = {"Delete": {"IndexName": "by_parity"}}
    if not present:
        change = {"Create": {**index("by_parity"), "KeySchema": _SEVERAL}}
    await ask(
        client,
        "UpdateTable",
        TableName="churn",
        AttributeDefinitions=types(pk="S", sk="N", parity="N", n="N"),
        GlobalSecondaryIndexUpdates=[change],
    )

    async def finish(client: Client) -> None:
        found = (await settled(client, "churn")).get("GlobalSecondaryIndexes", [])
        assert len(found) == 1 - len(present), "an index came or went, but for the asking"

    return finish


async def switch_stream(client: Client, world: World) -> Finish:
    """Switch the stream of a table that is being written on or off."""
    table = await settled(client, "churn")
    is_on = "StreamSpecification" in table
    wanted = {"StreamEnabled": False} if is_on else STREAM
    await ask(client, "UpdateTable", TableName="churn", StreamSpecification=wanted)

    async def finish(client: Client) -> None:
        found = "StreamSpecification" in await settled(client, "churn")
        assert found != is_on, "a stream came or went, but for the asking"

    return finish


async def trim(client: Client, world: World) -> Finish:
    """Trim what a stream has."""
    arn = (await settled(client, "churn")).get("LatestStreamArn")
    if arn is None:
        return await switch_stream(client, world)
    await client.call("headwater", "TrimStream", {"StreamArn": arn})
    return nothing_more


async def switch_time_to_live(client: Client, world: World) -> Finish:
    """Switch time to live of a table that is being written on or off."""
    answer = await ask(client, "DescribeTimeToLive", TableName="churn")
    is_on = answer["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
    wanted = {"Enabled": not is_on, "AttributeName": "until"}
    await ask(client, "UpdateTimeToLive", TableName="churn", TimeToLiveSpecification=wanted)

    async def finish(client: Client) -> None:
        state = "DISABLED" if is_on else "ENABLED"
        while True:
            answer = await ask(client, "DescribeTimeToLive", TableName="churn")
            if answer["TimeToLiveDescription"]["TimeToLiveStatus"] == state:
                return

    return finish


async def reshard(client: Client, world: World) -> Finish:
    """Split some shard, and roll some other over."""
    arn = (await settled(client, "orders"))["LatestStreamArn"]
    for operation in ("SplitShard", "RollShard"):
        shards = await open_shards(client, arn)
        asked = {"StreamArn": arn, "ShardId": world.chance.choice(shards)}
        await client.call("headwater", operation, asked)
    return nothing_more


async def open_shards(client: Client, arn: str) -> list[str]:
    found: list[str] = []
    start: dict[str, str] = {}
    while True:
        asked = {"StreamArn": arn, **start}
        answer = await client.call("dynamodbstreams", "DescribeStream", asked)
        described = answer["StreamDescription"]
        found += [
            shard["ShardId"]
            for shard in described["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]
        if "LastEvaluatedShardId" not in described:
            return found
        start = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}


async def import_table(client: Client, world: World) -> Finish:
    """Make a table out of objects."""
    folder = world.data / "objects" / "source"
    if not folder.exists():
        folder.mkdir(parents=True)
        items = [{"pk": {"S": f"k{n}"}, "n": {"N": str(n)}} for n in range(_IMPORTED)]
        lines = [orjson.dumps({"Item": item}) for item in items]
        for part in range(5):
            content = gzip.compress(b"\n".join(lines[part::5]))
            (folder / f"part-{part}.json.gz").write_bytes(content)
    name = world.name("imported")
    answer = await ask(
        client,
        "ImportTable",
        S3BucketSource={"S3Bucket": "source"},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters={
            "TableName": name,
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "AttributeDefinitions": types(pk="S", n="N"),
            "BillingMode": "PAY_PER_REQUEST",
            "GlobalSecondaryIndexes": [index("by_number", "n")],
        },
    )
    arn = answer["ImportTableDescription"]["ImportArn"]

    async def finish(client: Client) -> None:
        described = await moments.ended(client, "Import", arn)
        assert described["ImportStatus"] == "COMPLETED", described
        assert described["ImportedItemCount"] == _IMPORTED, described
        await settled(client, name)  # its state follows that of the import
        world.spare.append(name)

    return finish


async def delete_table(client: Client, world: World) -> Finish:
    """Delete a large table, if there is one, and create one in its place."""
    if not world.spare:
        return await import_table(client, world)
    name = world.spare.pop()
    await ask(client, "DeleteTable", TableName=name)

    async def finish(client: Client) -> None:
        while True:
            try:
                await ask(client, "DescribeTable", TableName=name)
            except ServerSaidNo as error:
                if error.code != "ResourceNotFoundException":
                    raise
                return

    return finish


async def nothing_more(_client: Client) -> None:
    """What was asked for was done with the answer."""


WORKS: Final[tuple[Work, ...]] = (
    change_index,
    switch_stream,
    trim,
    switch_time_to_live,
    reshard,
    import_table,
    delete_table,
    moments.back_up,
    moments.restore_to_moment,
    moments.export,
    globe.change_replica,
    invoked.publish,
)
OF_THE_LAB: Final = frozenset((trim, reshard))
