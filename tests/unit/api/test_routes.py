"""Lambda's paths, and what a REST request says put together."""

from __future__ import annotations

import pytest

from headwater.api import shapes
from headwater.api.message import Request
from headwater.api.routes import Router, gathered
from headwater.errors import InvalidRequestContentException, SerializationException

OPERATIONS = shapes.load("lambda").operations
ROUTER = Router(OPERATIONS.values())


def request(
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> Request:
    return Request(method, path, query, headers or {}, body)


def said(operation: str, asked: Request, **parameters: str) -> dict[str, object]:
    return gathered(OPERATIONS[operation], parameters, asked)


@pytest.mark.parametrize(
    ("method", "path", "operation", "parameters"),
    [
        ("GET", "/2015-03-31/functions", "ListFunctions", {}),
        ("GET", "/2015-03-31/functions/", "ListFunctions", {}),
        ("POST", "/2015-03-31/functions", "CreateFunction", {}),
        ("GET", "/2015-03-31/functions/f", "GetFunction", {"FunctionName": "f"}),
        ("DELETE", "/2015-03-31/functions/f", "DeleteFunction", {"FunctionName": "f"}),
        ("POST", "/2015-03-31/functions/f/invocations", "Invoke", {"FunctionName": "f"}),
        ("PUT", "/2015-03-31/functions/f/code", "UpdateFunctionCode", {"FunctionName": "f"}),
        ("POST", "/2015-03-31/event-source-mappings/", "CreateEventSourceMapping", {}),
        ("POST", "/2015-03-31/event-source-mappings", "CreateEventSourceMapping", {}),
        ("PUT", "/2015-03-31/event-source-mappings/u", "UpdateEventSourceMapping", {"UUID": "u"}),
        (
            "GET",
            "/2015-03-31/functions/f/aliases/a",
            "GetAlias",
            {"FunctionName": "f", "Name": "a"},
        ),
        (
            "GET",
            "/2019-09-25/functions/f/event-invoke-config/list",
            "ListFunctionEventInvokeConfigs",
            {"FunctionName": "f"},
        ),
        (
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af",
            "GetFunction",
            {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:f"},
        ),
        (
            "DELETE",
            "/2017-03-31/tags/arn%3Aaws%3Alambda",
            "UntagResource",
            {"Resource": "arn:aws:lambda"},
        ),
    ],
)
def test_path_finds_its_operation(method, path, operation, parameters):
    found = ROUTER.match(method, path)

    assert found is not None
    assert (found[0].name, found[1]) == (operation, parameters)


def test_query_decides_between_operations_of_one_path():
    plain = ROUTER.match("GET", "/2018-10-31/layers")
    by_arn = ROUTER.match("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=x")

    assert plain is not None
    assert by_arn is not None
    assert (plain[0].name, by_arn[0].name) == ("ListLayers", "GetLayerVersionByArn")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2015-03-31/nothing"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/f/unknown"),
        ("GET", "/favicon.ico"),
        ("GET", "//"),
    ],
)
def test_unknown_path_finds_nothing(method, path):
    assert ROUTER.match(method, path) is None


def test_every_operation_is_found_by_its_own_path():
    for operation in OPERATIONS.values():
        path, _, query = operation.uri.partition("?")

        found = ROUTER.match(operation.method, path, query)

        assert found is not None
        assert found[0] is operation


def test_query_members_take_the_models_names_and_types():
    asked = request("GET", "/", "MaxItems=5&Marker=next%20one")

    assert said("ListFunctions", asked) == {"MaxItems": 5, "Marker": "next one"}


def test_empty_query_values_count_as_not_given():
    assert said("ListFunctions", request("GET", "/", "Marker=&MaxItems=")) == {}


def test_repeated_query_values_make_a_list():
    asked = request("DELETE", "/", "tagKeys=a&tagKeys=b")

    assert said("UntagResource", asked, Resource="arn") == {
        "Resource": "arn",
        "TagKeys": ["a", "b"],
    }


@pytest.mark.parametrize("text", ["abc", "1.5", "1_0", "9" * 5000])
def test_query_text_that_is_no_integer_is_refused(text):
    with pytest.raises(SerializationException) as caught:
        said("ListFunctions", request("GET", "/", f"MaxItems={text}"))

    assert caught.value.message == "STRING_VALUE cannot be converted to Integer"


def test_header_members_are_found_in_any_case():
    asked = request("POST", "/", headers={"x-amz-invocation-type": "Event"})

    assert said("Invoke", asked, FunctionName="f") == {
        "FunctionName": "f",
        "InvocationType": "Event",
    }


def test_payload_is_the_body_as_sent():
    asked = request("POST", "/", body=b"not json \xff")

    assert said("Invoke", asked, FunctionName="f")["Payload"] == b"not json \xff"


def test_payload_passes_the_operations_check():
    body = said("Invoke", request("POST", "/", body=b"{}"), FunctionName="f")

    assert OPERATIONS["Invoke"].check(body) is body


def test_path_wins_over_a_body_member_of_its_name():
    asked = request("PUT", "/", body=b'{"FunctionName": "other", "Timeout": 3, "Unknown": 1}')

    assert said("UpdateFunctionConfiguration", asked, FunctionName="f") == {
        "FunctionName": "f",
        "Timeout": 3,
    }


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff"])
def test_body_that_is_no_json_object_is_refused(body):
    with pytest.raises(InvalidRequestContentException) as caught:
        said("CreateFunction", request("POST", "/", body=body))

    assert caught.value.message is not None
    assert caught.value.message.startswith("Could not parse request body into json: ")
