"""What a PartiQL statement reads: which keys its WHERE asks for, and in which order.

Pure. A WHERE that fixes the partition key, to one value or a few, is a query of each of them, and
any other is a scan; what the keys do not decide is left as a filter, so the results are the same
either way (Developer Guide, "PartiQL select statements for DynamoDB").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from headwater.errors import ValidationException
from headwater.expressions.bind import Bindings
from headwater.expressions.key_condition import (
    MIRRORED,
    KeyCondition,
    SortRange,
    check_operands,
)
from headwater.expressions.partiql.syntax import Select
from headwater.expressions.syntax import (
    And,
    Between,
    Call,
    Comparison,
    ConditionNode,
    Membership,
    Or,
    PathNode,
    ValueNode,
)
from headwater.limits import statement_page_items_max, statement_partitions_max
from headwater.tables.read import Source, Stretch, query_stretch, segment_stretch
from headwater.tables.schema import KeyAttribute, KeySchema
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item
from headwater.values.order import key_bytes

_KIND: Final = "FilterExpression"
_Partition = tuple[AttributeValue, ...]
_Ranged = tuple[str, str, tuple[ValueNode, ...]]


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """What a SELECT reads.

    stretches: to be read one after the other. filter: what remains of its condition. page_items:
    how many items a page may hold at most, if fewer than any other. is_of_items: each stretch holds
    one item at most.
    """

    stretches: tuple[Stretch, ...]
    filter: ConditionNode | None
    page_items: int | None = None
    is_of_items: bool = False

    def after(self, position: bytes) -> tuple[Stretch, ...] | None:
        """What is left once the entry with this key has been read; None if it is not read here."""
        for at, stretch in enumerate(self.stretches):
            if stretch.contains(position):
                rest = () if self.is_of_items else (stretch.after(position),)
                return (*rest, *self.stretches[at + 1 :])
        return None


def full_key(
    where: ConditionNode | None, keys: KeySchema, values: Bindings
) -> tuple[Item, ConditionNode | None] | None:
    """The key that a condition fixes by equalities, and what else it asks; None if it fixes none.

    The key is not checked.
    """
    rest = _conjuncts(where)
    key: Item = {}
    for name in keys.names():
        found = next((part for part in rest if _equated(part, name) is not None), None)
        value = None if found is None else _equated(found, name)
        if value is None:
            return None
        rest = [part for part in rest if part is not found]
        key[name] = values.value(value.placeholder, _KIND)
    return key, _joined(rest)


def read_plan(select: Select, place: Source, values: Bindings) -> ReadPlan:
    """What to read of a table or an index.

    Raises ValidationException for keys of the wrong type and an order that cannot be had.
    """
    parts = _conjuncts(select.where)
    keys = place.keys
    partitions, rest = _wanted_partitions(parts, keys, values)
    _check_order(select, keys, len(partitions))
    if not partitions:
        return ReadPlan((segment_stretch(place, 0, 1),), select.where)
    parts = rest
    sort = _sort_range(parts, keys.sort)
    if sort is not None:
        parts = [part for part in parts if part is not sort]
    wanted = None if sort is None else _bound(sort, keys.sort, values)
    directions = {term.name: term.is_descending for term in select.order}
    if len(partitions) > 1 and keys.partition.name in directions:
        kind = keys.partition.type
        partitions.sort(
            key=lambda partition: key_bytes(kind, partition[0][kind]),
            reverse=directions[keys.partition.name],
        )
    reverse = keys.sort is not None and directions.get(keys.sort.name, False)
    stretches = tuple(
        query_stretch(
            place, KeyCondition(partition, () if wanted is None else (wanted,)), reverse=reverse
        )
        for partition in partitions
    )
    is_whole = keys.sort is None or (wanted is not None and wanted.operator == "=")
    return ReadPlan(
        stretches,
        _joined(parts),
        statement_page_items_max if len(partitions) > 1 else None,
        is_whole and place.index is None,
    )


def leading_keys(
    where: ConditionNode | None, keys: KeySchema, values: Bindings
) -> list[AttributeValue]:
    """The first attribute of each partition key that a condition confines a statement to."""
    partitions, _ = _wanted_partitions(_conjuncts(where), keys, values)
    return [partition[0] for partition in partitions]


def _wanted_partitions(
    parts: list[ConditionNode], keys: KeySchema, values: Bindings
) -> tuple[list[_Partition], list[ConditionNode]]:
    """The partition keys that conditions confine a SELECT to, and what else these conditions ask.

    No partition keys: it is confined to none. Of a key of several attributes each must be equal to
    a value; of others a few values may be given.
    """
    if len(keys.partition_attributes) == 1:
        fixed = next((part for part in parts if _partitions(part, keys.partition.name)), None)
        if fixed is not None and _is_only_about(fixed, keys.partition.name):
            parts = [part for part in parts if part is not fixed]
        return [(value,) for value in _partition_keys(fixed, keys.partition, values)], parts
    wanted: list[AttributeValue] = []
    for key in keys.partition_attributes:
        found = next((part for part in parts if _equated(part, key.name) is not None), None)
        if found is None:
            return [], parts
        wanted += _partition_keys(found, key, values)
        parts = [part for part in parts if part is not found]
    return [tuple(wanted)], parts


def _conjuncts(node: ConditionNode | None) -> list[ConditionNode]:
    """The conditions that AND joins, however they are grouped."""
    if node is None:
        return []
    if isinstance(node, And):
        return [part for each in node.conditions for part in _conjuncts(each)]
    return [node]


def _joined(parts: Sequence[ConditionNode]) -> ConditionNode | None:
    if len(parts) > 1:
        return And(tuple(parts))
    return parts[0] if parts else None


def _equated(node: ConditionNode, name: str) -> ValueNode | None:
    """The value that a comparison equates an attribute with."""
    ranged = _ranged(node)
    if ranged is None or ranged[:2] != (name, "="):
        return None
    return ranged[2][0]


def _partitions(node: ConditionNode, name: str) -> list[ValueNode]:
    """The values to which a condition confines an attribute; empty if it does not."""
    match node:
        case Comparison():
            value = _equated(node, name)
            return [] if value is None else [value]
        case Membership(PathNode((only,)), candidates) if only == name:
            values = [each for each in candidates if isinstance(each, ValueNode)]
            return values if len(values) == len(candidates) else []
        case And(conditions):
            return next((found for each in conditions if (found := _partitions(each, name))), [])
        case Or(conditions):
            each_found = [_partitions(each, name) for each in conditions]
            return [value for found in each_found for value in found] if all(each_found) else []
    return []


def _is_only_about(node: ConditionNode, name: str) -> bool:
    """Whether a condition that confines an attribute says nothing else."""
    if isinstance(node, Or):
        return all(_is_only_about(each, name) for each in node.conditions)
    return isinstance(node, Comparison | Membership)


def _partition_keys(
    fixed: ConditionNode | None, key: KeyAttribute, values: Bindings
) -> list[AttributeValue]:
    """The partition keys wanted, each once, in the order written."""
    if fixed is None:
        return []
    found: dict[str, AttributeValue] = {}
    for node in _partitions(fixed, key.name):
        value = values.value(node.placeholder, _KIND)
        check_operands(key.name, key.type, SortRange("=", (value,)))
        found.setdefault(value[key.type], value)
    if len(found) > statement_partitions_max:
        raise ValidationException(
            f"Invalid {_KIND}: The IN operator is provided with too many operands; "
            f"number of operands: {len(found)}"
        )
    return list(found.values())


def _sort_range(parts: Iterable[ConditionNode], key: KeyAttribute | None) -> ConditionNode | None:
    """The first condition that is a range of sort keys."""
    if key is None:
        return None
    for part in parts:
        ranged = _ranged(part)
        if ranged is None or ranged[0] != key.name:
            continue
        if ranged[1] != "begins_with" or key.type != "N":
            return part
    return None


def _bound(node: ConditionNode, key: KeyAttribute | None, values: Bindings) -> SortRange:
    ranged = _ranged(node)
    assert ranged is not None, "the node was found to be a range"
    assert key is not None, "the range is one of the sort key"
    operands = tuple(values.value(each.placeholder, _KIND) for each in ranged[2])
    wanted = SortRange(ranged[1], operands)
    check_operands(key.name, key.type, wanted)
    return wanted


def _ranged(node: ConditionNode) -> _Ranged | None:
    """Attribute, operator and operands of a condition that could be one on a key."""
    match node:
        case Comparison(operator, PathNode((str(name),)), ValueNode() as value):
            return None if operator == "<>" else (name, operator, (value,))
        case Comparison(operator, ValueNode() as value, PathNode((str(name),))):
            return None if operator == "<>" else (name, MIRRORED[operator], (value,))
        case Between(PathNode((str(name),)), ValueNode() as low, ValueNode() as high):
            return name, "BETWEEN", (low, high)
        case Call("begins_with", (PathNode((str(name),)), ValueNode() as prefix)):
            return name, "begins_with", (prefix,)
    return None


def _check_order(select: Select, keys: KeySchema, partition_count: int) -> None:
    """Refuse an order that reading cannot give: items lie by partition, and there by sort key."""
    if not select.order:
        return
    if select.where is None:
        raise ValidationException(
            "Must have WHERE clause in the statement when using ORDER BY clause."
        )
    for term in select.order:
        if term.name not in keys.names():
            raise ValidationException(
                f"Variable reference {term.name} in ORDER BY clause must be part of the primary key"
            )
    _check_directions(select, keys.sort_names())
    if not partition_count:
        raise ValidationException(
            "Must have at least one non-optional hash key condition in WHERE clause when using "
            "ORDER BY clause."
        )
    if partition_count > 1 and select.order[0].name != keys.partition.name:
        raise ValidationException(
            "Must have hash key in ORDER BY clause when more than one hash key condition "
            "specified in WHERE clause."
        )


def _check_directions(select: Select, sort_names: Sequence[str]) -> None:
    """Refuse sort keys of several attributes but in their own order and one direction. Ours."""
    terms = [term for term in select.order if term.name in sort_names]
    names = [term.name for term in terms]
    is_one_way = len({term.is_descending for term in terms}) <= 1
    if len(sort_names) > 1 and (names != list(sort_names[: len(names)]) or not is_one_way):
        raise ValidationException(
            "ORDER BY clause must name the attributes of the sort key from left to right and in "
            "one direction"
        )
