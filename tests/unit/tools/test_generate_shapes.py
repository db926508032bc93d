"""What the generator keeps of a service model, on a model small enough to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tools.generate_shapes import Source, reduced, rendered

MODEL: dict[str, Any] = {
    "metadata": {"protocol": "rest-json"},
    "operations": {
        "Paint": {
            "name": "Paint",
            "http": {"method": "PUT", "requestUri": "/walls/{Name}", "responseCode": 202},
            "input": {"shape": "PaintRequest"},
            "output": {"shape": "PaintResponse"},
            "errors": [{"shape": "NoWall"}, {"shape": "Fell"}, {"shape": "Plain"}],
            "documentation": "<p>Paints.</p>",
        },
        "Other": {"http": {"method": "GET", "requestUri": "/"}, "input": {"shape": "Unused"}},
    },
    "shapes": {
        "PaintRequest": {
            "type": "structure",
            "required": ["Name"],
            "members": {
                "Name": {"shape": "Name", "location": "uri", "locationName": "Name"},
                "Colours": {"shape": "Colours", "documentation": "<p>Many.</p>"},
            },
            "documentation": "<p>Long.</p>",
        },
        "PaintResponse": {"type": "structure", "members": {}},
        "Name": {"type": "string", "min": 1, "max": 9, "pattern": "[a-z]+", "sensitive": True},
        "Colours": {"type": "list", "member": {"shape": "Colour"}, "max": 3},
        "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Unused": {"type": "structure", "members": {}},
        "NoWall": {"type": "structure", "error": {"httpStatusCode": 404}, "exception": True},
        "Fell": {"type": "structure", "exception": True, "fault": True},
        "Plain": {"type": "structure", "exception": True},
    },
}
TABLE = reduced(MODEL, Source("walls", "2026-01-01", frozenset({"Paint"})))


def test_operation_keeps_how_it_is_called():
    assert TABLE["operations"] == {
        "Paint": {"method": "PUT", "uri": "/walls/{Name}", "status": 202, "input": "PaintRequest"}
    }


def test_shapes_of_inputs_are_kept_without_their_documentation():
    assert TABLE["shapes"] == {
        "Colour": {"type": "string", "enum": ["red", "blue"]},
        "Colours": {"type": "list", "max": 3, "member": "Colour"},
        "Name": {"type": "string", "min": 1, "max": 9, "pattern": "[a-z]+"},
        "PaintRequest": {
            "type": "structure",
            "required": ["Name"],
            "members": {
                "Name": {"shape": "Name", "location": "uri", "locationName": "Name"},
                "Colours": "Colours",
            },
        },
    }


def test_errors_keep_their_status():
    assert TABLE["errors"] == {"Fell": 500, "NoWall": 404, "Plain": 400}


def test_all_operations_are_kept_where_none_are_named():
    table = reduced(MODEL, Source("walls", "2026-01-01"))

    assert set(table["operations"]) == {"Paint", "Other"}


def test_operation_the_model_does_not_have_stops_the_tool():
    with pytest.raises(SystemExit, match="Erase"):
        reduced(MODEL, Source("walls", "2026-01-01", frozenset({"Erase"})))


def test_table_is_json_with_a_line_per_operation_and_shape():
    text = rendered(TABLE)

    assert json.loads(text) == TABLE
    assert '"Colour":{"type":"string","enum":["red","blue"]},\n' in text
