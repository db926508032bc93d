"""Batches that are split, partly delivered, filtered, or gathered in windows; what is given up."""

import json

import pytest

from tests.conformance.mapping_making import numbers

pytest_plugins = ("tests.conformance.mapping_fixtures",)

REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def test_bisecting_leaves_the_failing_record_alone(source, notebook, join):
    for number in (1, 2, 3, 4):
        source.put(number, **({"fails": {"N": "99"}} if number == 3 else {}))
    join(BatchSize=4, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)

    events = notebook.wait_for_events(source.arn, 6)

    assert numbers(events) == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [4]]


def test_reported_record_and_what_follows_come_again(source, notebook, join):
    for number in (1, 2, 3, 4):
        source.put(number, **({"reported": {"N": "1"}} if number == 3 else {}))
    join(BatchSize=4, **REPORTS)

    events = notebook.wait_for_events(source.arn, 2)

    assert numbers(events) == [[1, 2, 3, 4], [3, 4]]


def test_retries_of_a_reported_record_are_counted_from_its_first_failure(source, notebook, join):
    for number in (1, 2, 3):
        source.put(number, **({"reported": {"N": "99"}} if number == 3 else {}))
    join(BatchSize=3, MaximumRetryAttempts=3, **REPORTS)
    notebook.wait_for_events(source.arn, 4)
    source.put(4)

    events = notebook.wait_for(source.arn, 4)

    assert numbers(events) == [[1, 2, 3], [3], [3], [3], [4]]


def test_report_is_no_concern_of_a_mapping_that_did_not_ask(source, notebook, join):
    source.put(1, reported={"N": "99"})
    join(BatchSize=1)
    source.put(2)

    assert numbers(notebook.wait_for(source.arn, 2)) == [[1], [2]]


def test_records_that_filters_pass_are_in_no_batch(source, notebook, join):
    pattern = json.dumps({"dynamodb": {"NewImage": {"n": {"N": ["2", "4", "5"]}}}})
    for number in (1, 2, 3, 4, 5):
        source.put(number)
    join(BatchSize=2, FilterCriteria={"Filters": [{"Pattern": pattern}]})

    assert numbers(notebook.wait_for(source.arn, 5)) == [[2, 4], [5]]


def test_lanes_keep_the_order_of_each_key(source, notebook, join):
    keys = [f"key-{number % 7}" for number in range(1, 43)]
    for number, key in enumerate(keys, 1):
        source.put(number, key=key)
    join(BatchSize=3, ParallelizationFactor=10)

    events = notebook.wait_for_events(source.arn, 14)
    while sum(map(len, numbers(events))) < 42:
        events = notebook.wait_for_events(source.arn, len(events) + 1)

    seen = [number for batch in numbers(events) for number in batch]
    assert sorted(seen) == list(range(1, 43))
    for key in set(keys):
        own = [number for number in seen if keys[number - 1] == key]
        assert own == sorted(own)


def test_window_hands_its_state_on_and_is_closed(source, notebook, join):
    join(BatchSize=1, TumblingWindowInSeconds=3)
    for number in (1, 2):
        source.put(number)

    events = notebook.wait_for_events(source.arn, 3)
    while not events[-1]["isFinalInvokeForWindow"]:
        events = notebook.wait_for_events(source.arn, len(events) + 1)

    finals = [event for event in events if event["isFinalInvokeForWindow"]]
    assert sum(final["state"]["count"] for final in finals) == 2
    assert events[0]["state"] == {}
    assert all(final["Records"] == [] for final in finals)
    assert {"start", "end"} == set(events[0]["window"])


@pytest.mark.local_only
def test_what_is_given_up_is_reported_to_a_queue(source, notebook, join, connect, unique_name):
    sqs = connect("sqs")
    url = sqs.create_queue(QueueName=unique_name("failed"))["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = asked["Attributes"]["QueueArn"]
    source.put(1, fails={"N": "99"})
    source.put(2)
    join(
        BatchSize=1,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )

    notebook.wait_for(source.arn, 2)
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"]

    record = json.loads(messages[0]["Body"])
    context, info = record["requestContext"], record["DDBStreamBatchInfo"]
    assert context["condition"] == "RetryAttemptsExhausted"
    assert context["approximateInvokeCount"] == 2
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert info["batchSize"] == 1
    assert info["streamArn"] == source.arn
    assert info["startSequenceNumber"] == info["endSequenceNumber"]
