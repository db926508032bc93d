"""Where mappings begin, go on and end: nothing after their creation is missed."""

import pytest

from tests.conformance.function_making import CODE, wait_until, zipped
from tests.conformance.mapping_making import BOTH, numbers

pytest_plugins = ("tests.conformance.mapping_fixtures",)


# Where a mapping starts


def test_trim_horizon_begins_with_the_oldest(source, notebook, join):
    for number in (1, 2):
        source.put(number)
    join(StartingPosition="TRIM_HORIZON", BatchSize=1)
    source.put(3)

    assert numbers(notebook.wait_for(source.arn, 3)) == [[1], [2], [3]]


@pytest.mark.local_only  # Lambda may miss what is written while a mapping is being created
def test_latest_begins_with_what_is_written_after_creation(source, notebook, join):
    keys = [f"key-{number}" for number in range(20)]
    for key in keys:
        source.put(0, key=key)
    join(StartingPosition="LATEST", BatchSize=1)

    for number, key in enumerate(keys, 1):
        source.put(number, key=key)

    for number in range(1, 21):
        events = notebook.wait_for(source.arn, number)
    assert sorted(numbers(events)) == [[number] for number in range(1, 21)]


@pytest.mark.local_only  # as above
def test_latest_of_a_disabled_mapping_begins_with_its_creation(source, notebook, join, mappings):
    source.put(1)
    uuid = join(StartingPosition="LATEST", Enabled=False)
    source.put(2)
    mappings.wait(uuid, "Disabled")

    mappings.change(uuid, Enabled=True)

    assert numbers(notebook.wait_for(source.arn, 2)) == [[2]]


# While a mapping changes


def test_enabled_mapping_continues_where_it_was_disabled(source, notebook, join, mappings):
    uuid = join()
    mappings.wait(uuid, "Enabled")
    source.put(1)
    notebook.wait_for(source.arn, 1)
    mappings.change(uuid, Enabled=False)
    source.put(2)

    mappings.change(uuid, Enabled=True)

    assert numbers(notebook.wait_for(source.arn, 2)) == [[1], [2]]


def test_retries_go_on_when_a_mapping_is_enabled_again(source, notebook, join, mappings):
    uuid = join()
    mappings.wait(uuid, "Enabled")
    source.put(1, fails={"N": "2"})
    notebook.wait_for(source.arn, 1)

    mappings.change(uuid, Enabled=False)
    noted = notebook.events(source.arn)
    mappings.change(uuid, Enabled=True, BatchSize=1)
    source.put(2)

    events = notebook.wait_for(source.arn, 2)
    assert numbers(events) == [[1]] * 3 + [[2]]
    assert len(noted) < 3


def test_new_batch_size_is_of_what_follows(source, notebook, join, mappings):
    for number in (1, 2):
        source.put(number)
    uuid = join(BatchSize=1)
    mappings.wait(uuid, "Enabled")
    notebook.wait_for(source.arn, 2)
    mappings.change(uuid, Enabled=False)
    for number in (3, 4):
        source.put(number)

    mappings.change(uuid, Enabled=True, BatchSize=2)

    assert numbers(notebook.wait_for(source.arn, 4)) == [[1], [2], [3, 4]]


def test_new_function_is_given_what_follows(source, notebook, join, mappings, functions):
    uuid = join()
    mappings.wait(uuid, "Enabled")
    source.put(1)
    notebook.wait_for(source.arn, 1)
    blind = functions.make(zipped(app="def handler(*_): pass"))["FunctionName"]

    mappings.change(uuid, FunctionName=blind)
    source.put(2)
    expression = "LastProcessingResult == 'OK'"
    wait_until(mappings.client, "GetEventSourceMapping", expression, UUID=uuid)

    assert numbers(notebook.events(source.arn)) == [[1]]


def test_new_code_is_given_what_follows(source, notebook, mappings, make_note_taker, aws_lambda):
    name = make_note_taker()
    mappings.make(source.arn, name)
    source.put(1)
    notebook.wait_for(source.arn, 1)
    changed = (
        "import note\n"
        "def handler(event, context):\n"
        "    event['Records'][0]['changed'] = True\n"
        "    note.handler(event, context)\n"
    )
    before = (CODE / "note.py").read_text()

    aws_lambda.update_function_code(
        FunctionName=name,
        ZipFile=zipped(before=before, note=changed.replace("note", "before")),
    )
    source.put(2)

    _, event = notebook.wait_for(source.arn, 2)
    assert event["Records"][0]["changed"]


def test_two_functions_are_each_given_everything(source, notebook, mappings, make_note_taker):
    for number in (1, 2, 3):
        source.put(number)

    for _ in range(2):
        mappings.make(source.arn, make_note_taker())

    first, second = notebook.wait_for_events(source.arn, 2)
    assert numbers([first, second]) == [[1, 2, 3], [1, 2, 3]]


def test_deleted_mapping_gives_nothing_more(source, notebook, join, mappings, aws_lambda):
    uuid = join()
    source.put(1)
    notebook.wait_for(source.arn, 1)
    mappings.wait(uuid, "Enabled")
    aws_lambda.delete_event_source_mapping(UUID=uuid)
    mappings.wait_gone(uuid)
    source.put(2)

    join(StartingPosition="LATEST")
    source.put(3)

    assert numbers(notebook.wait_for(source.arn, 3)) == [[1], [3]]


def test_new_mapping_does_not_continue_a_deleted_one(source, notebook, join, mappings, aws_lambda):
    uuid = join()
    source.put(1)
    notebook.wait_for(source.arn, 1)
    mappings.wait(uuid, "Enabled")
    aws_lambda.delete_event_source_mapping(UUID=uuid)
    mappings.wait_gone(uuid)

    join()

    assert numbers(notebook.wait_for_events(source.arn, 2)) == [[1], [1]]


# When the stream ends


def test_disabled_stream_is_given_to_its_end(dynamodb, tables, source, notebook, join):
    source.put(1)
    source.put(2)
    disabled = {"StreamEnabled": False}
    dynamodb.update_table(TableName=source.table, StreamSpecification=disabled)
    tables.wait(source.table)
    source.put(3)

    join(BatchSize=1)

    assert numbers(notebook.wait_for(source.arn, 2)) == [[1], [2]]


def test_stream_that_is_enabled_again_is_another_one(
    dynamodb, tables, source, notebook, join, mappings, note_taker
):
    join()
    source.put(1)
    notebook.wait_for(source.arn, 1)
    old = source.arn
    for specification in ({"StreamEnabled": False}, BOTH):
        dynamodb.update_table(TableName=source.table, StreamSpecification=specification)
        source.arn = tables.wait(source.table)["LatestStreamArn"]
    source.put(2)

    mappings.make(source.arn, note_taker)

    assert numbers(notebook.wait_for(source.arn, 2)) == [[2]]
    assert numbers(notebook.events(old)) == [[1]]


def test_stream_of_a_deleted_table_is_given_to_its_end(dynamodb, tables, source, notebook, join):
    source.put(1)
    dynamodb.delete_table(TableName=source.table)
    tables.wait_gone(source.table)

    join()

    assert numbers(notebook.wait_for(source.arn, 1)) == [[1]]


def test_window_ends_with_its_shard(dynamodb, tables, source, notebook, join):
    join(MaximumBatchingWindowInSeconds=300)
    source.put(1)

    dynamodb.update_table(TableName=source.table, StreamSpecification={"StreamEnabled": False})

    events = notebook.wait_for(source.arn, 1)
    tables.wait(source.table)
    assert numbers(events) == [[1]]
