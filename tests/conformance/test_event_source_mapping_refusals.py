"""Event source mappings that are not created, and why."""

import re

import pytest

from tests.conformance.expectation import at_least, at_most, fault, refused

pytest_plugins = ("tests.conformance.mapping_fixtures",)

INVALID = "InvalidParameterValueException"
BUCKET = "arn:aws:s3:::failed-batches"


def test_filter_that_is_none_is_refused(mappings, stream, function):
    criteria = {"Filters": [{"Pattern": '{"eventName": "INSERT"}'}]}

    with refused(INVALID, "Invalid filter pattern definition."):
        mappings.make(stream, function["FunctionName"], FilterCriteria=criteria)


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 6}}, INVALID),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"a":["' + "x" * 4096}]}},
            "ValidationException",
        ),
        ({"FunctionResponseTypes": ["ReportBatchItemFailures"] * 2}, "ValidationException"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": BUCKET + "x" * 350}}},
            "ValidationException",
        ),
        ({"DestinationConfig": {"OnSuccess": {"Destination": BUCKET}}}, INVALID),
        ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, INVALID),
    ],
    ids=["filters", "pattern", "response types", "long destination", "success", "logging"],
)
def test_too_much_is_refused(mappings, stream, function, parameters, code):
    with refused(code):
        mappings.make(stream, function["FunctionName"], **parameters)


@pytest.mark.local_only
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("StartingPositionTimestamp", 1),
        ("ScalingConfig", {"MaximumConcurrency": 2}),
        ("Queues", ["q"]),
        ("Topics", ["topic"]),
        ("SelfManagedEventSource", {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:1"]}}),
        ("SourceAccessConfigurations", [{"Type": "BASIC_AUTH", "URI": "arn:aws:secret"}]),
        ("AmazonManagedKafkaEventSourceConfig", {"ConsumerGroupId": "g"}),
        ("SelfManagedKafkaEventSourceConfig", {"ConsumerGroupId": "g"}),
        ("DocumentDBEventSourceConfig", {"DatabaseName": "d"}),
        ("ProvisionedPollerConfig", {"MinimumPollers": 1}),
    ],
)
def test_parameter_of_other_sources_is_refused(mappings, stream, function, member, value):
    with refused(INVALID, f"{member} is not valid for DynamoDB event sources."):
        mappings.make(stream, function["FunctionName"], **{member: value})


@pytest.mark.parametrize(
    ("member", "value", "bound"),
    [
        ("BatchSize", 0, at_least(1)),
        ("BatchSize", 10_001, at_most(10_000)),
        ("MaximumBatchingWindowInSeconds", -1, at_least(0)),
        ("MaximumBatchingWindowInSeconds", 301, at_most(300)),
        ("MaximumRetryAttempts", -2, at_least(-1)),
        ("MaximumRetryAttempts", 10_001, at_most(10_000)),
        ("MaximumRecordAgeInSeconds", -2, at_least(-1)),
        ("MaximumRecordAgeInSeconds", 604_801, at_most(604_800)),
        ("ParallelizationFactor", 0, at_least(1)),
        ("ParallelizationFactor", 11, at_most(10)),
        ("TumblingWindowInSeconds", -1, at_least(0)),
        ("TumblingWindowInSeconds", 901, at_most(900)),
    ],
)
def test_numbers_have_bounds(mappings, stream, function, member, value, bound):
    place = member[0].lower() + member[1:]

    with refused("ValidationException", fault(value, place, bound)):
        mappings.make(stream, function["FunctionName"], **{member: value})


@pytest.mark.parametrize("seconds", [0, 59])
def test_record_age_of_less_than_a_minute_is_refused(mappings, stream, function, seconds):
    with refused(INVALID):
        mappings.make(stream, function["FunctionName"], MaximumRecordAgeInSeconds=seconds)


def test_absent_stream_is_told(mappings, stream, function):
    absent = stream.replace("/stream/20", "/stream/19")

    with refused(INVALID, f"Stream not found: {absent}") as refusal:
        mappings.make(absent, function["FunctionName"])

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_stream_of_an_absent_table_is_told(mappings, stream, function):
    absent = re.sub("table/[^/]+", "table/absent", stream)

    with refused(INVALID, f"Stream not found: {absent}"):
        mappings.make(absent, function["FunctionName"])


@pytest.mark.parametrize("arn", ["table", "arn:aws:kinesis:us-east-1:000000000000:stream/s"])
def test_other_sources_are_refused(mappings, stream, function, arn):
    source = stream.partition("/stream/")[0] if arn == "table" else arn

    with refused(INVALID):
        mappings.make(source, function["FunctionName"])


def test_absent_function_is_told(mappings, stream):
    with refused(INVALID, "Function does not exist") as refusal:
        mappings.make(stream, "absent")

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_function_is_required(aws_lambda, stream):
    with refused("ValidationException"):
        aws_lambda.create_event_source_mapping(EventSourceArn=stream, StartingPosition="LATEST")


def test_starting_position_is_required(aws_lambda, stream, function):
    with refused(INVALID):
        aws_lambda.create_event_source_mapping(
            EventSourceArn=stream, FunctionName=function["FunctionName"]
        )


@pytest.mark.parametrize("position", ["AT_TIMESTAMP", "MIDDLE"])
def test_other_starting_positions_are_refused(mappings, stream, function, position):
    with pytest.raises(mappings.client.exceptions.ClientError) as caught:
        mappings.make(stream, function["FunctionName"], StartingPosition=position)

    assert caught.value.response["Error"]["Code"] in (INVALID, "ValidationException")
