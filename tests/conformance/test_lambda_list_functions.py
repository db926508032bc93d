"""ListFunctions, in a region of its own so that its functions are known."""

import boto3
import pytest

from tests.conformance.expectation import at_least, at_most, fault, refused
from tests.conformance.function_making import ECHO, Functions, zipped
from tests.conftest import CLIENT

pytestmark = pytest.mark.local_only
COUNT = 53


@pytest.fixture(scope="module")
def functions(aws_lambda, unique_name):
    """53 functions in a region; `aws_lambda` is there for the environment it sets."""
    client = boto3.client("lambda", region_name="ap-south-1", config=CLIENT)
    made = Functions(client, unique_name)
    code = zipped(app=ECHO)
    for number in range(COUNT):
        made.make(code, FunctionName=f"f-{number:02d}")
    yield made
    made.delete_all()
    client.close()


@pytest.fixture(scope="module")
def client(functions):
    return functions.client


def names(page):
    return [each["FunctionName"] for each in page["Functions"]]


def test_page_has_fifty_and_a_marker(client):
    first = client.list_functions()
    second = client.list_functions(Marker=first["NextMarker"])

    assert [len(names(page)) for page in (first, second)] == [50, 3]
    assert "NextMarker" not in second
    assert sorted(names(first) + names(second)) == [f"f-{number:02d}" for number in range(COUNT)]


def test_more_than_fifty_are_fifty(client):
    assert len(names(client.list_functions(MaxItems=10_000))) == 50


def test_paginator_joins_pages(client):
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 7})

    assert len({name for page in pages for name in names(page)}) == COUNT


def test_page_that_ends_the_list_has_no_marker(client):
    page = client.list_functions(MaxItems=50)
    rest = client.list_functions(MaxItems=3, Marker=page["NextMarker"])

    assert len(names(rest)) == 3
    assert "NextMarker" not in rest


def test_listed_function_is_as_described(client):
    listed = client.list_functions(MaxItems=1)["Functions"][0]

    described = client.get_function_configuration(FunctionName=listed["FunctionName"])

    described.pop("ResponseMetadata")
    assert listed == described


def test_versions_of_all_are_the_latest(client):
    page = client.list_functions(FunctionVersion="ALL", MaxItems=2)

    assert [each["Version"] for each in page["Functions"]] == ["$LATEST", "$LATEST"]


def test_paging_survives_the_deletion_of_where_it_stands(client, functions):
    functions.make(zipped(app=ECHO), FunctionName="a")
    page = client.list_functions(MaxItems=1)
    client.delete_function(FunctionName="a")

    following = client.list_functions(MaxItems=1, Marker=page["NextMarker"])

    assert names(page) + names(following) == ["a", "f-00"]


@pytest.mark.parametrize(("count", "bound"), [(0, at_least(1)), (10_001, at_most(10_000))])
def test_page_size_has_bounds(client, count, bound):
    with refused("ValidationException", fault(count, "maxItems", bound)):
        client.list_functions(MaxItems=count)


@pytest.mark.parametrize("marker", ["%%%", "é", "a"])
def test_made_up_marker_is_refused(client, marker):
    with refused("InvalidParameterValueException"):
        client.list_functions(Marker=marker)


def test_master_region_is_refused(client):
    with refused("InvalidParameterValueException", "MasterRegion is not supported by Headwater."):
        client.list_functions(MasterRegion="us-east-1")
