"""A pytest plugin of the tests of delivery: tables with a stream, and functions that take notes."""

import pytest

from tests.conformance.function_making import ECHO, Functions, shipped, zipped
from tests.conformance.mapping_making import BOTH, Mappings, Notebook, Source, numbers
from tests.conformance.stream_reading import oldest, shards
from tests.conftest import LOOKS_MAX

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


@pytest.fixture(scope="module")
def functions(aws_lambda, unique_name):
    made = Functions(aws_lambda, unique_name)
    yield made
    made.delete_all()


@pytest.fixture(scope="module")
def function(functions):
    """The configuration of a function that returns its event."""
    return functions.make(zipped(app=ECHO))


@pytest.fixture
def stream(make_table):
    """The ARN of a stream."""
    return make_table(StreamSpecification=BOTH)["LatestStreamArn"]


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
        for _ in range(LOOKS_MAX):
            found = [numbers([page])[0] for page in pages()]
            if sum(map(len, found)) == count:
                return [own for own in found if own]
        raise AssertionError(found)

    def pages():
        for shard in shards(dynamodbstreams, source.arn):
            start = oldest(dynamodbstreams, source.arn, shard["ShardId"])
            yield dynamodbstreams.get_records(ShardIterator=start)

    return read
