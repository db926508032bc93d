"""Items: named attribute values, their size, and the document paths into them.

Promises the same canonical form as `attribute.py`. Knows nothing of keys or tables; the limit on an
item's size is checked by whoever writes it, since the texts differ by operation.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from headwater.errors import SerializationException
from headwater.limits import key_attribute_name_bytes_max
from headwater.values import attribute
from headwater.values.attribute import AttributeValue

Item: TypeAlias = dict[str, AttributeValue]
Path: TypeAlias = tuple[str | int, ...]


def normalise(item: Any) -> tuple[Item, int]:
    """Check an item as a client sent it; its canonical form and its size in bytes.

    The result may share structure with the argument, which the caller gives away.
    Raises ValidationException or SerializationException with DynamoDB's text.
    """
    if type(item) is not dict:
        raise SerializationException("Unexpected field type")
    canonical: Item = {}
    total = 0
    for name, value in item.items():
        canonical[name], value_size = attribute.normalise(value)
        # Every write passes here, and nearly every name is short and ASCII: spare it the call.
        short = name.isascii() and 0 < len(name) <= key_attribute_name_bytes_max
        total += value_size + (len(name) if short else attribute.name_bytes(name))
    return canonical, total


def size(item: Item) -> int:
    """The bytes a canonical item counts for: every name and every value."""
    total = 0
    for name, value in item.items():
        total += attribute.text_bytes(name) + attribute.size(value)
    return total


def get(item: Item, path: Path) -> AttributeValue | None:
    """The value at a document path, or None if there is none.

    path: the attribute's name, then names of map members and indexes into lists.
    """
    value = item.get(path[0])  # type: ignore[arg-type]  # a path begins with a name
    for step in path[1:]:
        if value is None:
            return None
        value = member(value, step)
    return value


def member(value: AttributeValue, step: str | int) -> AttributeValue | None:
    """The member of a map or the element of a list, or None if there is none."""
    if isinstance(step, str):
        members: dict[str, AttributeValue] | None = value.get("M")
        return members.get(step) if members is not None else None
    elements: list[AttributeValue] | None = value.get("L")
    return elements[step] if elements is not None and step < len(elements) else None
