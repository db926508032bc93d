"""How often functions are given what they failed on, and what happens to the rest meanwhile."""

import pytest

from tests.conformance.function_making import wait_until, zipped
from tests.conformance.mapping_making import numbers

pytest_plugins = ("tests.conformance.mapping_fixtures",)


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
