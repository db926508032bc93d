"""What the server tells Prometheus."""

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conformance.expectation import missing

pytestmark = pytest.mark.local_only


@pytest.fixture
def metrics(wire):
    """Read the samples: values by name and labels."""

    def read():
        answer = wire.send("GET", "/metrics", {})
        assert answer.status == 200
        return {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
        }

    return read


def requests(operation, outcome):
    return ("headwater_requests_total", ("operation", operation), ("outcome", outcome))


def test_form_is_prometheus_text(wire):
    answer = wire.send("GET", "/metrics", {})

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b"# HELP headwater_requests_total " in answer.body


def test_requests_are_counted_by_operation_and_outcome(dynamodb, simple, key, metrics):
    dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}})
    before = metrics()

    for _ in range(3):
        dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}})

    served, told = requests("GetItem", "OK"), requests("GetItem", "ResourceNotFoundException")
    after = metrics()
    assert after[served] - before[served] == 3
    assert after.get(told, 0) == before.get(told, 0)


def test_refusals_are_counted_by_their_code(dynamodb, metrics):
    counted = requests("DescribeTable", "ResourceNotFoundException")
    before = metrics().get(counted, 0)

    with missing("Requested resource not found: Table: absent not found"):
        dynamodb.describe_table(TableName="absent")

    assert metrics()[counted] - before == 1


def test_lambdas_requests_are_counted_too(aws_lambda, metrics):
    before = metrics().get(requests("ListFunctions", "OK"), 0)

    aws_lambda.list_functions()

    assert metrics()[requests("ListFunctions", "OK")] - before == 1


def test_requests_are_timed(dynamodb, simple, key, metrics):
    dynamodb.get_item(TableName=simple, Key={"pk": {"S": key}})

    samples = metrics()

    count = samples["headwater_request_seconds_count", ("operation", "GetItem")]
    buckets = [
        value
        for (name, *labels), value in sorted(samples.items())
        if name == "headwater_request_seconds_bucket" and ("operation", "GetItem") in labels
    ]
    assert max(buckets) == count >= 1
    assert 0 < samples["headwater_request_seconds_sum", ("operation", "GetItem")] < 600


def test_what_is_no_operation_makes_no_metric(wire, metrics):
    wire.call("DynamoDB_20120810.Made_up", {})
    wire.send("GET", "/made/up", {})

    assert not [name for name in map(str, metrics()) if re.search("made.?up", name, re.IGNORECASE)]


def test_delivery_delays_and_the_process_are_told_of(metrics):
    samples = metrics()

    assert ("headwater_delivery_delay_seconds_count",) in samples
    assert samples["process_resident_memory_bytes",] > 0


def test_metrics_are_read_not_written(wire):
    answer = wire.send("POST", "/metrics", {}, b"")

    assert answer.status == 404
