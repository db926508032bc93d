"""The catalog: tables found, listed, created, altered, deleted."""

import asyncio
import os

import pytest

from headwater.clock import SeededChance
from headwater.errors import (
    ResourceInUseException,
    ResourceNotFoundException,
    ValidationException,
)
from headwater.storage import keyspace
from headwater.storage.board import Board, Topic, new_board
from headwater.streams import window
from headwater.streams.window import StreamStatus
from headwater.tables import schema
from headwater.tables.catalog import Catalog, CatalogSettings
from headwater.tables.schema import IndexStatus, TableStatus
from tests.unit.tables.running import (
    ACCOUNT,
    CREATE_INDEX,
    DELETE_INDEX,
    REGION,
    STREAM,
    Running,
    Store,
    run,
)


def test_a_new_table_is_creating_and_takes_no_items():
    async def body(here: Running) -> None:
        created = await here.create()

        assert created.status is TableStatus.CREATING
        assert (await here.describe()) == created
        with pytest.raises(ResourceNotFoundException, match=r"^Requested resource not found$"):
            await here.catalog.table(REGION, "music")

    run(body)


def test_a_table_becomes_active_after_its_transition():
    async def body(here: Running) -> None:
        await here.create()

        await here.advance()

        table = await here.catalog.table(REGION, "music")
        assert table.status is TableStatus.ACTIVE

    run(body)


def test_a_table_is_found_by_its_arn():
    async def body(here: Running) -> None:
        table = await here.active()

        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/music"

        assert await here.catalog.table(REGION, arn) is table

    run(body)


@pytest.mark.parametrize(
    ("arn", "error"),
    [
        ("arn:aws:dynamodb:eu-west-1:123456789012:stream/music", ValidationException),
        ("arn:aws:dynamodb:us-east-1:123456789012:table/music", ResourceNotFoundException),
        ("arn:aws:dynamodb:eu-west-1:000000000000:table/music", ResourceNotFoundException),
    ],
)
def test_an_arn_of_something_else_is_refused(arn, error):
    async def body(here: Running) -> None:
        await here.active()

        with pytest.raises(error):
            await here.catalog.describe(REGION, arn)

    run(body)


def test_an_unknown_table_is_named_in_control_operations_only():
    async def body(here: Running) -> None:
        with pytest.raises(ResourceNotFoundException) as item_operation:
            await here.catalog.table(REGION, "music")
        with pytest.raises(ResourceNotFoundException) as control_operation:
            await here.describe()

        assert item_operation.value.message == "Requested resource not found"
        assert (
            control_operation.value.message
            == "Requested resource not found: Table: music not found"
        )

    run(body)


def test_a_taken_name_is_refused():
    async def body(here: Running) -> None:
        await here.create()

        with pytest.raises(ResourceInUseException) as refused:
            await here.create()

        assert refused.value.message == "Table already exists: music"

    run(body)


def test_of_tables_created_at_once_under_one_name_one_wins():
    async def body(here: Running) -> None:
        results = await asyncio.gather(
            *(here.create(StreamSpecification=STREAM) for _ in range(5)), return_exceptions=True
        )

        errors = [result for result in results if isinstance(result, BaseException)]
        assert len(errors) == 4
        assert all(isinstance(error, ResourceInUseException) for error in errors)

    run(body)


def test_regions_are_name_spaces_of_their_own():
    async def body(here: Running) -> None:
        await here.create()

        with pytest.raises(ResourceNotFoundException):
            await here.catalog.describe("us-east-1", "music")
        assert await here.catalog.names("us-east-1", "", 100) == ([], False)

    run(body)


def test_names_are_listed_in_order_and_in_pages():
    async def body(here: Running) -> None:
        for name in ("delta", "Beta", "alpha", "alpha-2"):
            await here.create(TableName=name)

        assert await here.catalog.names(REGION, "", 2) == (["Beta", "alpha"], True)
        assert await here.catalog.names(REGION, "alpha", 2) == (["alpha-2", "delta"], False)

    run(body)


@pytest.mark.parametrize(("override", "count"), [(None, 4), (7, 7)])
def test_an_on_demand_table_starts_with_four_partitions_or_as_many_as_told(override, count):
    async def body(here: Running) -> None:
        table = await here.create()

        assert len(table.partitions) == count

    run(body, partitions=override)


def test_huge_throughput_gives_no_more_partitions_than_the_default_quota():
    async def body(here: Running) -> None:
        table = await here.create(
            BillingMode="PROVISIONED",
            ProvisionedThroughput={"ReadCapacityUnits": 10**12, "WriteCapacityUnits": 10**12},
        )

        assert len(table.partitions) == 40

    run(body)


def test_a_table_created_with_a_stream_has_it_at_once():
    async def body(here: Running) -> None:
        table = await here.create(StreamSpecification=STREAM)

        assert table.stream is not None
        assert table.latest_label == table.stream.label
        assert all(partition.shard_id for partition in table.partitions)

    run(body)


def test_a_stream_switched_off_and_on_is_another_stream():
    async def body(here: Running) -> None:
        first = await here.active(StreamSpecification=STREAM)

        await here.update(StreamSpecification={"StreamEnabled": False})
        await here.advance()
        second = await here.update(StreamSpecification=STREAM)
        streams = await here.stored(keyspace.streams_span(REGION, "music"))

        statuses = {stream.label: stream.status for stream in map(window.decode, streams.values())}
        assert statuses == {
            first.latest_label: StreamStatus.DISABLED,
            second.latest_label: StreamStatus.ENABLED,
        }

    run(body)


def test_labels_of_a_name_are_unique_and_grow_while_the_clock_stands():
    async def body(here: Running) -> None:
        labels = []
        for _ in range(3):
            table = await here.create(StreamSpecification=STREAM)
            await here.advance(0.0)
            labels.append(table.latest_label or "")
            await here.catalog.delete(REGION, "music")
            await here.advance(0.0)

        assert labels == sorted(set(labels))

    run(body, transition_seconds=0.0)


def test_switching_the_stream_off_leaves_its_label_as_the_latest():
    async def body(here: Running) -> None:
        table = await here.active(StreamSpecification=STREAM)

        changed = await here.update(StreamSpecification={"StreamEnabled": False})

        assert changed.stream is None
        assert changed.latest_label == table.latest_label
        assert changed.status is TableStatus.UPDATING

    run(body)


@pytest.mark.parametrize(
    ("before", "change", "message"),
    [
        (STREAM, STREAM, "Table already has an enabled stream: TableName: music"),
        (None, {"StreamEnabled": False}, "Table has no stream to disable: TableName: music"),
    ],
)
def test_a_stream_is_switched_only_to_what_it_is_not(before, change, message):
    async def body(here: Running) -> None:
        await here.active(**({"StreamSpecification": before} if before else {}))

        with pytest.raises(ValidationException) as refused:
            await here.update(StreamSpecification=change)

        assert refused.value.message == message

    run(body)


def test_a_busy_table_is_not_updated():
    async def body(here: Running) -> None:
        await here.create()

        with pytest.raises(ResourceInUseException) as refused:
            await here.update(DeletionProtectionEnabled=True)

        assert refused.value.message == "The resource which you are attempting to change is in use."

    run(body)


def test_of_updates_at_once_one_wins():
    async def body(here: Running) -> None:
        await here.active()

        results = await asyncio.gather(
            *(here.update(StreamSpecification=STREAM) for _ in range(3)), return_exceptions=True
        )

        errors = [result for result in results if isinstance(result, BaseException)]
        assert [type(error) for error in errors] == [ResourceInUseException] * 2

    run(body)


def test_a_table_takes_items_while_it_is_updating():
    async def body(here: Running) -> None:
        await here.active()

        updating = await here.update(StreamSpecification=STREAM)

        assert await here.catalog.table(REGION, "music") is updating

    run(body)


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        (
            [],
            ("Attempt to change a resource which is still in use: Table is being updated: music"),
        ),
        (["wait"], "Cannot delete table while indexes are being created, updated, or deleted"),
    ],
)
def test_a_table_is_not_deleted_while_it_or_its_indexes_change(updates, message):
    async def body(here: Running) -> None:
        table = await here.active()
        busy = await here.update(**CREATE_INDEX)
        if updates:  # as if the back-fill had begun and took long
            backfilling = schema.encode(busy.changed(status=TableStatus.ACTIVE))
            await here.committer.submit(Store({table.key: backfilling}))

        with pytest.raises(ResourceInUseException) as refused:
            await here.catalog.delete(REGION, "music")

        assert refused.value.message == message

    run(body)


def test_a_table_that_is_being_created_is_not_deleted():
    async def body(here: Running) -> None:
        await here.create()

        with pytest.raises(ResourceInUseException) as refused:
            await here.catalog.delete(REGION, "music")

        assert refused.value.message == (
            "Attempt to change a resource which is still in use: Table is being created: music"
        )

    run(body)


def test_a_protected_table_is_not_deleted():
    async def body(here: Running) -> None:
        await here.active(DeletionProtectionEnabled=True)

        with pytest.raises(ValidationException) as refused:
            await here.catalog.delete(REGION, "music")

        assert refused.value.message == (
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )

    run(body)


def test_a_deletion_that_has_begun_may_be_asked_for_again():
    async def body(here: Running) -> None:
        await here.active()

        first = await here.catalog.delete(REGION, "music")
        second = await here.catalog.delete(REGION, "music")

        assert first == second
        assert second.status is TableStatus.DELETING

    run(body)


def test_a_deleted_table_is_gone_and_its_stream_stays_disabled():
    async def body(here: Running) -> None:
        await here.active(StreamSpecification=STREAM)

        await here.catalog.delete(REGION, "music")
        with pytest.raises(ResourceNotFoundException):
            await here.catalog.table(REGION, "music")
        await here.advance()

        with pytest.raises(ResourceNotFoundException):
            await here.describe()
        (stream,) = (await here.stored(keyspace.streams_span(REGION, "music"))).values()
        assert window.decode(stream).status is StreamStatus.DISABLED

    run(body)


def test_a_table_changed_by_another_is_seen_after_a_reload():
    async def body(here: Running) -> None:
        table = await here.active()
        renamed = table.changed(tags={"team": "a"})
        await here.committer.submit(Store({table.key: schema.encode(renamed)}))

        assert await here.catalog.reload(table) == renamed
        assert await here.catalog.table(REGION, "music") == renamed

    run(body)


def test_a_table_created_again_is_another():
    async def body(here: Running) -> None:
        first = await here.active()
        await here.catalog.delete(REGION, "music")
        await here.advance()
        second = await here.active()

        assert second.table_id != first.table_id
        with pytest.raises(ResourceNotFoundException, match=r"^Requested resource not found$"):
            await here.catalog.reload(first)
        with pytest.raises(ResourceNotFoundException):
            await here.catalog.change(first, lambda _view, table: table.changed())

    run(body)


def test_changes_that_meet_all_take_effect():
    async def body(here: Running) -> None:
        table = await here.active()

        def tagging(key):
            return lambda _view, present: present.changed(tags={**present.tags, key: ""})

        await asyncio.gather(*(here.catalog.change(table, tagging(key)) for key in "abc"))

        assert set((await here.describe()).tags) == {"a", "b", "c"}

    run(body)


def test_an_index_is_created_and_deleted():
    async def body(here: Running) -> None:
        await here.active()
        created = await here.update(**CREATE_INDEX)
        await here.advance()
        filled = await here.describe()
        deleted = await here.update(**DELETE_INDEX)
        await here.advance()
        after = await here.describe()

        assert [index.status for index in created.indexes] == [IndexStatus.CREATING]
        assert [index.status for index in filled.indexes] == [IndexStatus.ACTIVE]
        assert [index.status for index in deleted.indexes] == [IndexStatus.DELETING]
        assert after.indexes == ()

    run(body)


def test_what_another_process_has_changed_is_not_taken_from_the_cache():
    async def body(here: Running) -> None:
        places = 2
        board = new_board(places)
        mine, theirs = (
            Catalog(
                here.engine,
                here.committer,
                here.clock,
                SeededChance(place),
                CatalogSettings(ACCOUNT, changes=Board(board, places, place).counter(Topic.TABLES)),
            )
            for place in range(places)
        )
        table = await here.active()
        await mine.table(REGION, "music")

        await theirs.change(table, lambda _view, present: present.changed(tags={"a": ""}))

        assert mine.cached(REGION, "music") is None
        assert (await mine.known(REGION, "music")).tags == {"a": ""}
        os.close(board)

    run(body)
