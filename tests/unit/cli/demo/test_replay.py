"""A change of a file as the request that makes it."""

from __future__ import annotations

from headwater.cli.demo.history import Change, File, Kind
from headwater.cli.demo.replay import item, request_for

FILE = File("src/a.py", "100644", "0a1b", 12)
ITEM = {
    "folder": {"S": "src"},
    "path": {"S": "src/a.py"},
    "blob": {"S": "0a1b"},
    "mode": {"S": "100644"},
    "size": {"N": "12"},
    "commit": {"S": "c0ffee"},
    "time": {"N": "7"},
}


def change(kind: Kind) -> Change:
    return Change("c0ffee", 7, kind, FILE)


def test_file_is_an_item() -> None:
    assert item(FILE, "c0ffee", 7) == ITEM


def test_added_file_is_put() -> None:
    assert request_for("files", change(Kind.ADDED)) == (
        "PutItem",
        {"TableName": "files", "Item": ITEM},
    )


def test_modified_file_is_updated_to_the_same_item() -> None:
    operation, request = request_for("files", change(Kind.MODIFIED))

    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    assert operation == "UpdateItem"
    assert request["Key"].keys() == {"folder", "path"}
    assignments = request["UpdateExpression"].removeprefix("SET ").split(", ")
    updated = {names[left]: values[right] for left, right in (a.split(" = ") for a in assignments)}
    assert request["Key"] | updated == ITEM


def test_deleted_file_is_deleted() -> None:
    key = {"folder": {"S": "src"}, "path": {"S": "src/a.py"}}

    assert request_for("files", change(Kind.DELETED)) == (
        "DeleteItem",
        {"TableName": "files", "Key": key},
    )
