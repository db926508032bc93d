"""Event source mappings: creating, describing, listing, updating and deleting them."""

import re

import pytest

from tests.conformance.expectation import at_least, at_most, fault, refused
from tests.conformance.function_making import ECHO, zipped
from tests.conformance.mapping_making import Mappings

pytest_plugins = ("tests.conformance.mapping_fixtures",)

INVALID = "InvalidParameterValueException"
ABSENT = "The resource you requested does not exist."
NO_MAPPING = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def mapping(mappings, stream, function):
    """A mapping at rest."""
    created = mappings.make(stream, function["FunctionName"])
    return mappings.wait(created["UUID"], "Enabled")


def test_created_mapping_is_described(mappings, stream, function):
    created = mappings.make(stream, function["FunctionName"])

    assert created.pop("ResponseMetadata")["HTTPStatusCode"] == 202
    uuid, modified = created.pop("UUID"), created.pop("LastModified")
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", uuid)
    assert modified.tzinfo is not None
    prefix, _, _ = function["FunctionArn"].partition(":function:")
    assert created == {
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "EventSourceArn": stream,
        "FunctionArn": function["FunctionArn"],
        "LastProcessingResult": "No records processed",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "EventSourceMappingArn": f"{prefix}:event-source-mapping:{uuid}",
    }


def test_mapping_comes_to_be_enabled(mappings, stream, function):
    created = mappings.make(stream, function["FunctionName"])

    found = mappings.wait(created["UUID"], "Enabled")

    for answer in (created, found):
        del answer["ResponseMetadata"]
    modified = found["LastModified"]  # which a change of the state moves, too
    assert modified >= created["LastModified"]
    assert found == created | {"State": "Enabled", "LastModified": modified}


def test_mapping_can_be_created_disabled(mappings, stream, function):
    created = mappings.make(stream, function["FunctionName"], Enabled=False)

    found = mappings.wait(created["UUID"], "Disabled")

    assert created["State"] == "Creating"
    assert found["UUID"] == created["UUID"]


def test_given_settings_are_kept(mappings, stream, function):
    given = {
        "StartingPosition": "LATEST",
        "BatchSize": 10_000,
        "MaximumBatchingWindowInSeconds": 300,
        "MaximumRetryAttempts": 10_000,
        "MaximumRecordAgeInSeconds": 604_800,
    }

    uuid = mappings.make(stream, function["FunctionName"], **given)["UUID"]

    assert given.items() <= mappings.wait(uuid, "Enabled").items()


@pytest.mark.parametrize("form", ["arn", "partial"])
def test_function_has_several_names(mappings, stream, function, form):
    arn, name = function["FunctionArn"], function["FunctionName"]
    names = {"arn": arn, "partial": f"{arn.split(':')[4]}:function:{name}"}

    created = mappings.make(stream, names[form])

    assert created["FunctionArn"] == arn


def test_neutral_values_of_what_is_not_supported_are_taken(mappings, stream, function):
    created = mappings.make(
        stream,
        function["FunctionName"],
        ParallelizationFactor=1,
        BisectBatchOnFunctionError=False,
        TumblingWindowInSeconds=0,
        FunctionResponseTypes=[],
        FilterCriteria={"Filters": []},
        DestinationConfig={"OnFailure": {}},
    )

    assert created["State"] == "Creating"


BUCKET = "arn:aws:s3:::failed-batches"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
SETTINGS = {
    "ParallelizationFactor": 2,
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
    "MetricsConfig": {"Metrics": ["EventCount"]},
}


def test_every_setting_is_kept(mappings, aws_lambda, stream, function):
    made = mappings.make(stream, function["FunctionName"], **SETTINGS)
    mappings.wait(made["UUID"], "Enabled")

    found = aws_lambda.get_event_source_mapping(UUID=made["UUID"])

    assert SETTINGS.items() <= made.items()
    assert SETTINGS.items() <= found.items()


@pytest.mark.parametrize(("member", "value"), [*SETTINGS.items(), ("TumblingWindowInSeconds", 30)])
def test_setting_can_be_changed(mappings, mapping, member, value):
    assert mappings.change(mapping["UUID"], **{member: value})[member] == value


@pytest.mark.local_only
def test_destination_can_be_set_and_taken_back(mappings, mapping):
    config = {"OnFailure": {"Destination": BUCKET}}

    assert mappings.change(mapping["UUID"], DestinationConfig=config)["DestinationConfig"] == config
    assert mappings.change(mapping["UUID"], DestinationConfig={"OnFailure": {}})[
        "DestinationConfig"
    ] == {"OnFailure": {}}


def test_same_stream_and_function_are_refused(mappings, mapping, function):
    arn, name = mapping["EventSourceArn"], function["FunctionName"]
    text = (
        f'The event source arn (" {arn} ") and function (" {name} ") provided mapping already '
        f"exists. Please update or delete the existing mapping with UUID {mapping['UUID']}"
    )

    with refused("ResourceConflictException", text) as refusal:
        mappings.make(arn, name, StartingPosition="LATEST")

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_stream_can_have_two_functions(mappings, mapping, functions):
    other = functions.make(zipped(app=ECHO))["FunctionName"]

    created = mappings.make(mapping["EventSourceArn"], other)

    assert created["UUID"] != mapping["UUID"]


def test_mapping_is_found_as_it_is_listed(aws_lambda, mapping):
    listed = aws_lambda.list_event_source_mappings(EventSourceArn=mapping["EventSourceArn"])

    del mapping["ResponseMetadata"]
    assert listed["EventSourceMappings"] == [mapping]
    assert "NextMarker" not in listed


@pytest.fixture
def three(mappings, stream, functions):
    """Mappings of one stream to three functions, by the function's name."""
    names = [functions.make(zipped(app=ECHO))["FunctionName"] for _ in range(3)]
    return {name: mappings.make(stream, name, Enabled=False)["UUID"] for name in names}


def test_mappings_are_listed_page_by_page(aws_lambda, stream, three):
    pages = aws_lambda.get_paginator("list_event_source_mappings").paginate(
        EventSourceArn=stream, PaginationConfig={"PageSize": 1}
    )

    found = [[each["UUID"] for each in page["EventSourceMappings"]] for page in pages]

    assert [len(page) for page in found] == [1, 1, 1]
    assert {uuid for page in found for uuid in page} == set(three.values())


@pytest.mark.parametrize("form", ["name", "arn"])
def test_mappings_are_listed_by_function(aws_lambda, function, three, form):
    name, uuid = next(iter(three.items()))
    prefix = function["FunctionArn"].rpartition(":")[0]

    listed = aws_lambda.list_event_source_mappings(
        FunctionName=name if form == "name" else f"{prefix}:{name}"
    )

    assert [each["UUID"] for each in listed["EventSourceMappings"]] == [uuid]


def test_mappings_of_stream_and_function_are_both(aws_lambda, stream, function, three):
    listed = aws_lambda.list_event_source_mappings(
        EventSourceArn=stream, FunctionName=function["FunctionName"]
    )

    assert listed["EventSourceMappings"] == []


@pytest.mark.parametrize(("count", "bound"), [(0, at_least(1)), (10_001, at_most(10_000))])
def test_page_size_has_bounds(aws_lambda, count, bound):
    with refused("ValidationException", fault(count, "maxItems", bound)):
        aws_lambda.list_event_source_mappings(MaxItems=count)


def test_update_changes_what_is_given(mappings, mapping):
    given = {
        "BatchSize": 7,
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRetryAttempts": 0,
        "MaximumRecordAgeInSeconds": 60,
    }

    found = mappings.change(mapping["UUID"], **given)

    same = mapping.keys() - given.keys() - {"LastModified", "ResponseMetadata"}
    assert given.items() <= found.items()
    assert {name: found[name] for name in same} == {name: mapping[name] for name in same}
    assert found["LastModified"] >= mapping["LastModified"]


def test_update_passes_through_states(aws_lambda, mappings, mapping):
    uuid = mapping["UUID"]

    def pass_through(change, rest):
        passing = aws_lambda.update_event_source_mapping(UUID=uuid, **change)["State"]
        return passing, mappings.wait(uuid, rest)["State"]

    states = [
        pass_through({"BatchSize": 5}, "Enabled"),
        pass_through({"Enabled": False}, "Disabled"),
        pass_through({"BatchSize": 6}, "Disabled"),
        pass_through({"Enabled": True}, "Enabled"),
    ]

    assert states == [
        ("Updating", "Enabled"),
        ("Disabling", "Disabled"),
        ("Updating", "Disabled"),
        ("Enabling", "Enabled"),
    ]


def test_update_is_accepted_with_202(aws_lambda, mapping):
    answer = aws_lambda.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=5)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202


def test_update_can_change_the_function(mappings, mapping, functions):
    other = functions.make(zipped(app=ECHO))

    found = mappings.change(mapping["UUID"], FunctionName=other["FunctionName"])

    assert found["FunctionArn"] == other["FunctionArn"]


def test_update_to_an_absent_function_is_refused(aws_lambda, mapping):
    with refused(INVALID, "Function does not exist"):
        aws_lambda.update_event_source_mapping(UUID=mapping["UUID"], FunctionName="absent")


def test_update_to_a_function_joined_already_is_refused(aws_lambda, stream, three):
    (_, first), (second, other), _ = three.items()
    text = (
        f'The event source arn (" {stream} ") and function (" {second} ") provided mapping already '
        f"exists. Please update or delete the existing mapping with UUID {other}"
    )
    Mappings(aws_lambda).wait(first, "Disabled")

    with refused("ResourceConflictException", text):
        aws_lambda.update_event_source_mapping(UUID=first, FunctionName=second)


def test_update_has_the_bounds_of_creation(aws_lambda, mapping):
    with refused("ValidationException", fault(10_001, "batchSize", at_most(10_000))):
        aws_lambda.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=10_001)


def test_tags_are_set_listed_and_taken_away(aws_lambda, mappings, stream, function):
    made = mappings.make(stream, function["FunctionName"], Tags={"a": "1"})
    arn = made["EventSourceMappingArn"]
    mappings.wait(made["UUID"], "Enabled")

    aws_lambda.tag_resource(Resource=arn, Tags={"b": "2", "c": "3"})
    aws_lambda.untag_resource(Resource=arn, TagKeys=["a", "c"])
    mappings.change(made["UUID"], BatchSize=7)

    assert aws_lambda.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_tags_of_a_mapping_that_is_not_there_are_refused(aws_lambda, mapping):
    arn = mapping["EventSourceMappingArn"].replace(mapping["UUID"], UNKNOWN)

    with refused("ResourceNotFoundException", "The resource you requested does not exist."):
        aws_lambda.list_tags(Resource=arn)


def test_deleted_mapping_goes(aws_lambda, mappings, mapping):
    answer = aws_lambda.delete_event_source_mapping(UUID=mapping["UUID"])

    mappings.wait_gone(mapping["UUID"])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (answer["UUID"], answer["State"]) == (mapping["UUID"], "Deleting")
    listed = aws_lambda.list_event_source_mappings(EventSourceArn=mapping["EventSourceArn"])
    assert listed["EventSourceMappings"] == []


def test_stream_and_function_of_a_deleted_mapping_can_be_joined_again(
    aws_lambda, mappings, mapping, function
):
    aws_lambda.delete_event_source_mapping(UUID=mapping["UUID"])
    mappings.wait_gone(mapping["UUID"])

    created = mappings.make(mapping["EventSourceArn"], function["FunctionName"])

    assert mappings.wait(created["UUID"], "Enabled")["UUID"] != mapping["UUID"]


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("get_event_source_mapping", {}),
        ("update_event_source_mapping", {"BatchSize": 1}),
        ("delete_event_source_mapping", {}),
    ],
)
def test_absent_mapping_is_not_found(aws_lambda, operation, more):
    with refused("ResourceNotFoundException", ABSENT) as refusal:
        getattr(aws_lambda, operation)(UUID=NO_MAPPING, **more)

    assert refusal.body["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_version_of_a_function_is_refused(mappings, stream, function):
    with refused(INVALID):
        mappings.make(stream, f"{function['FunctionArn']}:7")
