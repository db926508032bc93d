"""What functions are given by event source mappings: which records, in which events, how often."""

import base64

import pytest

from tests.conformance.definition import VIEWS
from tests.conformance.function_making import CODE, Functions, shipped, wait_until, zipped
from tests.conformance.mapping_making import Mappings, Notebook, numbers
from tests.conformance.stream_reading import ROUNDS_MAX, Follower, oldest, shards

BOTH = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
NOTES_KEYS = {
    "KeySchema": [
        {"AttributeName": "arn", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "arn", "AttributeType": "S"},
        {"AttributeName": "at", "AttributeType": "N"},
    ],
}
PAYLOAD_BYTES_MAX = 6 * 1024 * 1024


@pytest.fixture(scope="module")
def functions(aws_lambda, unique_name):
    made = Functions(aws_lambda, unique_name)
    yield made
    made.delete_all()


@pytest.fixture(scope="module")
def notebook(dynamodb, lasting_tables):
    return Notebook(dynamodb, lasting_tables.make(**NOTES_KEYS)["TableName"])


@pytest.fixture(scope="module")
def make_note_taker(functions, notebook):
    """Makes functions that note what they are given; their names."""

    def make(**parameters):
        environment = {"Variables": {"NOTES_TABLE": notebook.table}}
        return functions.make(
            shipped("note"), "note.handler", Timeout=30, Environment=environment, **parameters
        )["FunctionName"]

    return make


@pytest.fixture(scope="module")
def note_taker(make_note_taker):
    return make_note_taker()


@pytest.fixture
def mappings(aws_lambda):
    made = Mappings(aws_lambda)
    yield made
    made.delete_all()


class Source:
    """A table with a stream."""

    def __init__(self, client, description):
        self._client = client
        self.table = description["TableName"]
        self.arn = description["LatestStreamArn"]

    def put(self, number, key="a", **attributes):
        """Put the item of a key, telling it from others by the attribute `n`."""
        item = {"pk": {"S": key}, "n": {"N": str(number)}, **attributes}
        self._client.put_item(TableName=self.table, Item=item)


@pytest.fixture
def source(dynamodb, make_table):
    return Source(dynamodb, make_table(StreamSpecification=BOTH))


@pytest.fixture
def join(mappings, source, note_taker):
    """Map the source to the function that takes notes; the mapping's id."""

    def create(**parameters):
        return mappings.make(source.arn, note_taker, **parameters)["UUID"]

    return create


@pytest.fixture
def numbers_by_shard(dynamodbstreams, source):
    """The `n` of the source's new images, a list for each shard that has some."""

    def read(count):
        for _ in range(ROUNDS_MAX):
            found = [numbers([page])[0] for page in pages()]
            if sum(map(len, found)) == count:
                return [own for own in found if own]
        raise AssertionError(found)

    def pages():
        for shard in shards(dynamodbstreams, source.arn):
            start = oldest(dynamodbstreams, source.arn, shard["ShardId"])
            yield dynamodbstreams.get_records(ShardIterator=start)

    return read


# The event


def test_event_has_lambdas_form(dynamodb, source, notebook, join):
    binary = bytes(range(256))
    image = {
        "pk": {"S": "a"},
        "n": {"N": "1"},
        "b": {"B": binary},
        "bs": {"BS": [b"\x01"]},
        "ns": {"NS": ["1.5"]},
        "l": {"L": [{"NULL": True}, {"BOOL": False}, {"M": {}}]},
    }
    dynamodb.put_item(TableName=source.table, Item=image)
    join()

    (event,) = notebook.wait_for(source.arn, 1)

    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert list(record) == [
        "eventID",
        "eventName",
        "eventVersion",
        "eventSource",
        "awsRegion",
        "dynamodb",
        "eventSourceARN",
    ]
    change = record["dynamodb"]
    assert record["eventName"] == "INSERT"
    assert record["eventVersion"] == "1.1"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == source.arn.split(":")[3]
    assert record["eventSourceARN"] == source.arn
    assert change.keys() == {
        "ApproximateCreationDateTime",
        "Keys",
        "NewImage",
        "SequenceNumber",
        "SizeBytes",
        "StreamViewType",
    }
    assert change["NewImage"] == image | {
        "b": {"B": base64.b64encode(binary).decode()},
        "bs": {"BS": [base64.b64encode(b"\x01").decode()]},
    }
    assert isinstance(change["ApproximateCreationDateTime"], int | float)


def test_records_are_those_of_the_stream(dynamodb, dynamodbstreams, source, notebook, join):
    source.put(1)
    source.put(2)
    dynamodb.delete_item(TableName=source.table, Key={"pk": {"S": "a"}})
    source.put(3)
    join()

    events = notebook.wait_for(source.arn, 3)

    read = Follower(dynamodbstreams, source.arn).records("a", 4)
    for record in read:
        moment = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
        record["dynamodb"]["ApproximateCreationDateTime"] = moment
        record["eventSourceARN"] = source.arn
    given = [record for event in events for record in event["Records"]]
    assert [record["eventName"] for record in given] == ["INSERT", "MODIFY", "REMOVE", "INSERT"]
    assert given == read


@pytest.mark.parametrize("view", VIEWS)
def test_view_type_rules_images(dynamodb, make_table, mappings, note_taker, notebook, view):
    specification = {"StreamEnabled": True, "StreamViewType": view}
    source = Source(dynamodb, make_table(StreamSpecification=specification))
    source.put(1)
    source.put(2)
    mappings.make(source.arn, note_taker)

    ((_, modify),) = [event["Records"] for event in notebook.wait_for_events(source.arn, 1)]

    images = {
        "KEYS_ONLY": set(),
        "NEW_IMAGE": {"NewImage"},
        "OLD_IMAGE": {"OldImage"},
        "NEW_AND_OLD_IMAGES": {"NewImage", "OldImage"},
    }
    assert modify["dynamodb"].keys() & {"NewImage", "OldImage"} == images[view]
    assert modify["dynamodb"]["StreamViewType"] == view


# Batches


def test_batches_have_at_most_the_batch_size(source, notebook, join):
    for number in range(1, 8):
        source.put(number)
    join(BatchSize=3)

    events = notebook.wait_for(source.arn, 7)

    assert numbers(events) == [[1, 2, 3], [4, 5, 6], [7]]


def test_batch_size_is_a_hundred_if_not_given(source, notebook, join):
    for number in range(1, 102):
        source.put(number)
    join()

    events = notebook.wait_for(source.arn, 101)

    assert [len(event["Records"]) for event in events] == [100, 1]


def test_full_batch_does_not_wait_for_its_window(source, notebook, join):
    join(BatchSize=3, MaximumBatchingWindowInSeconds=300)
    for number in (1, 2, 3):
        source.put(number)

    events = notebook.wait_for(source.arn, 3)

    assert numbers(events) == [[1, 2, 3]]


def test_batch_that_is_not_full_is_given_when_its_window_is_over(source, notebook, join):
    source.put(1)
    join(MaximumBatchingWindowInSeconds=1)

    (event,) = notebook.wait_for(source.arn, 1)

    assert len(event["Records"]) == 1


def test_event_is_of_one_shard(source, notebook, join, numbers_by_shard):
    for number in range(1, 21):
        source.put(number, key=f"key-{number}")
    shards = numbers_by_shard(20)
    join(BatchSize=1000)

    for own in shards:
        events = notebook.wait_for(source.arn, own[-1])

    assert len(shards) > 1
    assert sorted(numbers(events)) == sorted(shards)


def test_event_stays_within_the_payload_limit(dynamodb, source, notebook, join):
    for number in range(1, 19):
        source.put(number, filler={"S": "x" * 380_000})
    join(BatchSize=1000)

    events = notebook.wait_for(source.arn, 18)

    assert [n for batch in numbers(events) for n in batch] == list(range(1, 19))
    assert len(events) < 18
    notes = dynamodb.query(
        TableName=notebook.table,
        KeyConditionExpression="arn = :arn",
        ExpressionAttributeValues={":arn": {"S": source.arn}},
    )["Items"]
    assert all(int(note["bytes"]["N"]) <= PAYLOAD_BYTES_MAX for note in notes)


# Failures


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_failing_record_is_retried_as_often_as_asked(source, notebook, join, retries):
    source.put(1, fails={"N": "99"})
    source.put(2)
    join(BatchSize=1, MaximumRetryAttempts=retries)

    events = notebook.wait_for(source.arn, 2)

    assert numbers(events) == [[1]] * (retries + 1) + [[2]]


def test_failing_batch_is_retried_whole_and_before_what_follows(source, notebook, join):
    source.put(1)
    source.put(2, fails={"N": "1"})
    for number in (3, 4):
        source.put(number)
    join(BatchSize=3)

    events = notebook.wait_for(source.arn, 4)

    assert numbers(events) == [[1, 2, 3], [1, 2, 3], [4]]


def test_failing_record_is_retried_until_it_succeeds(source, notebook, join):
    source.put(1, fails={"N": "3"})
    source.put(2)
    join(BatchSize=1)

    events = notebook.wait_for(source.arn, 2)

    assert numbers(events) == [[1]] * 4 + [[2]]


def test_failing_record_blocks_its_own_shard_only(source, notebook, join, numbers_by_shard):
    source.put(1, fails={"N": "999"})
    for number in range(2, 22):
        source.put(number, key=f"key-{number}")
    shards = numbers_by_shard(21)
    join(BatchSize=1000)

    for own in shards:
        events = notebook.wait_for(source.arn, own[-1])

    blocked = next(own for own in shards if 1 in own)
    assert len(shards) > 1
    assert {tuple(batch) for batch in numbers(events)} == {tuple(own) for own in shards}
    assert numbers(events).count(blocked) >= 1


def test_last_result_tells_of_failure_and_success(source, notebook, join, aws_lambda):
    uuid = join(MaximumRetryAttempts=0)
    found = []

    for number, attributes, result in [
        (1, {}, "OK"),
        (2, {"fails": {"N": "1"}}, "PROBLEM: Function call failed"),
        (3, {}, "OK"),
    ]:
        source.put(number, **attributes)
        notebook.wait_for(source.arn, number)
        expression = f"LastProcessingResult == '{result}'"
        wait_until(aws_lambda, "GetEventSourceMapping", expression, UUID=uuid)
        found.append(result)

    assert found == ["OK", "PROBLEM: Function call failed", "OK"]


def test_nothing_is_lost_while_the_function_is_gone(
    source, notebook, mappings, make_note_taker, aws_lambda
):
    name = make_note_taker()
    uuid = mappings.make(source.arn, name, MaximumRetryAttempts=0)["UUID"]
    source.put(1)
    notebook.wait_for(source.arn, 1)
    aws_lambda.delete_function(FunctionName=name)
    source.put(2)
    expression = "starts_with(LastProcessingResult, 'PROBLEM: ')"
    wait_until(aws_lambda, "GetEventSourceMapping", expression, UUID=uuid)

    make_note_taker(FunctionName=name)

    assert numbers(notebook.wait_for(source.arn, 2)) == [[1], [2]]


def test_time_out_is_a_failure(source, mappings, functions, aws_lambda):
    code = zipped(app="import time\ndef handler(*_): time.sleep(60)")
    name = functions.make(code, Timeout=1)["FunctionName"]
    uuid = mappings.make(source.arn, name, MaximumRetryAttempts=0)["UUID"]

    source.put(1)

    expression = "LastProcessingResult == 'PROBLEM: Function call failed'"
    wait_until(aws_lambda, "GetEventSourceMapping", expression, UUID=uuid)


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
