"""Policies of access keys that are about data streams."""

from __future__ import annotations

import pytest

from tests.conformance.access import ACCOUNT, DATA_STREAMS
from tests.conformance.expectation import refused
from tests.conftest import LOOKS_MAX

pytest_plugins = ("tests.conformance.access_fixtures",)
pytestmark = pytest.mark.local_only


@pytest.fixture
def data_stream(connect_as, unique_name):
    """Makes data streams, by the owner; returns their names once they take records."""
    kinesis, made = connect_as("OWNER", "kinesis"), []

    def make(prefix):
        name = unique_name(prefix)
        kinesis.create_stream(StreamName=name, ShardCount=2)
        made.append(name)
        waiting = {"Delay": 0.02, "MaxAttempts": LOOKS_MAX}
        kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig=waiting)
        return name

    yield make
    for name in made:
        kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)


def not_the_clerks(operation, resource, **asked):
    """Calls an operation that the clerk has no leave for on a resource."""
    action = "".join(word.title() for word in operation.__name__.split("_"))
    with refused(
        "AccessDeniedException",
        f"User: arn:aws:iam::{ACCOUNT}:user/clerk is not authorized to perform: kinesis:{action} "
        f"on resource: {resource} because no identity-based policy allows the kinesis:{action} "
        "action",
    ):
        operation(**asked)


def test_a_key_has_leave_for_data_streams_by_their_arns(connect_as, data_stream):
    own, other = data_stream("clerk"), data_stream("other")
    clerk, owner = connect_as("CLERK", "kinesis"), connect_as("OWNER", "kinesis")

    def iterator(client, name):
        return client.get_shard_iterator(
            StreamName=name, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    clerk.put_record(StreamName=own, PartitionKey="a", Data=b"a")
    clerk.describe_stream(StreamARN=f"{DATA_STREAMS}/{own}")
    clerk.get_records(ShardIterator=iterator(clerk, own))
    first = clerk.list_shards(StreamName=own, MaxResults=1)
    assert clerk.list_shards(NextToken=first["NextToken"])["Shards"]

    arn = f"{DATA_STREAMS}/{other}"
    record = {"PartitionKey": "a", "Data": b"a"}
    not_the_clerks(clerk.put_record, arn, StreamName=other, **record)
    not_the_clerks(clerk.put_records, arn, StreamName=other, Records=[record])
    not_the_clerks(clerk.put_record, arn, StreamARN=arn.replace("aws", "aws-cn", 1), **record)
    not_the_clerks(clerk.get_records, arn, ShardIterator=iterator(owner, other))
    token = owner.list_shards(StreamName=other, MaxResults=1)["NextToken"]
    not_the_clerks(clerk.list_shards, arn, NextToken=token)
    not_the_clerks(clerk.list_tags_for_resource, arn, ResourceARN=arn)
    not_the_clerks(clerk.list_streams, "*")
    not_the_clerks(clerk.list_shards, "*", NextToken="none of ours")


def test_a_key_is_kept_from_a_consumer_of_a_data_stream(connect_as, data_stream):
    clerk, arn = connect_as("CLERK", "kinesis"), f"{DATA_STREAMS}/{data_stream('clerk')}"

    def register(name):
        return clerk.register_stream_consumer(StreamARN=arn, ConsumerName=name)["Consumer"]

    consumers = {name: register(name)["ConsumerARN"] for name in ("open", "closed")}

    clerk.describe_stream_consumer(ConsumerARN=consumers["open"])
    with refused("AccessDeniedException"):
        clerk.describe_stream_consumer(ConsumerARN=consumers["closed"])


def test_a_consumer_is_not_found_by_another_moment_of_its_registration(connect_as, data_stream):
    owner, arn = connect_as("OWNER", "kinesis"), f"{DATA_STREAMS}/{data_stream('clerk')}"
    made = owner.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]

    for created in ("1", f"0{made['ConsumerARN'].rpartition(':')[2]}"):
        with refused("ResourceNotFoundException"):
            owner.describe_stream_consumer(ConsumerARN=f"{arn}/consumer/reader:{created}")


def test_tags_given_to_a_data_stream_are_conditions(connect_as, data_stream):
    clerk, name = connect_as("CLERK", "kinesis"), data_stream("clerk")

    clerk.add_tags_to_stream(StreamName=name, Tags={"colour": "blue"})
    with refused("AccessDeniedException"):
        clerk.add_tags_to_stream(StreamName=name, Tags={"colour": "red"})
