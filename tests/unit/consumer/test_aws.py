"""boto3's errors as ours."""

from __future__ import annotations

import asyncio

import boto3
import pytest
from botocore.config import Config

from headwater.clock import SystemClock
from headwater.consumer.api import UNREACHABLE, CallFailed, Services
from headwater.consumer.aws import services


@pytest.fixture
def nobody():
    """Services at an address where nobody listens."""
    made = [
        boto3.client(
            name,
            endpoint_url="http://127.0.0.1:9",
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
            config=Config(retries={"total_max_attempts": 1}),
        )
        for name in ("dynamodbstreams", "dynamodb")
    ]
    yield services(made[0], made[1], threads=2)
    for client in made:
        client.close()


def failure(found: Services, operation: str, **request: str) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        asyncio.run(found.tables.call(operation, request))
    return caught.value


def test_no_answer_may_be_tried_again(nobody):
    failed = failure(nobody, "DescribeTable", TableName="music")

    assert failed.code == UNREACHABLE
    assert failed.is_transient


def test_request_that_boto3_refuses_may_not(nobody):
    failed = failure(nobody, "DescribeTable")

    assert failed.code == "ParamValidationError"
    assert not failed.is_transient


def test_time_and_chance_are_the_machines_where_none_are_given(nobody):
    assert isinstance(nobody.clock, SystemClock)
    assert nobody.chance.uuid() != nobody.chance.uuid()
