"""Keys and indexes as a client defines them, checked: attribute types, key schemas, projections.

Pure. Works on input that has passed the model's shapes, so types, lengths and enums are right; what
is checked here is what they mean together. Texts: observed on AWS, unless marked as ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from headwater.errors import INVALID, LimitExceededException, ValidationException
from headwater.limits import (
    global_indexes_max,
    index_key_attributes_max,
    local_indexes_max,
    projected_attributes_max,
)
from headwater.storage.keyspace import IndexId
from headwater.tables.schema import (
    Index,
    IndexStatus,
    KeyAttribute,
    KeySchema,
    ProjectionType,
    Throughput,
    Units,
)
from headwater.tables.units import (
    check_limit_billing,
    on_demand_limit,
    throughput,
    warm,
    warm_by_itself,
    warmed,
)

_KEY_ATTRIBUTES_MAX: Final = 2

Types = Mapping[str, str]
"""The type (S, N or B) of every attribute a client defines, in its order."""


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """An index as asked for: everything of `Index` but its identity and state."""

    name: str
    is_global: bool
    keys: KeySchema
    projection: ProjectionType
    attributes: tuple[str, ...] = ()
    throughput: Throughput | None = None
    on_demand_limit: Units | None = None
    warm: Units | None = None

    def index(self, index_id: IndexId, status: IndexStatus) -> Index:
        """The index with its identity, in its first state."""
        return Index(
            self.name,
            index_id,
            self.is_global,
            self.keys,
            self.projection,
            self.attributes,
            status,
            throughput=self.throughput,
            on_demand_limit=self.on_demand_limit,
            warm=self.warm,
        )


def attribute_types(definitions: Iterable[Mapping[str, str]]) -> Types:
    """The types of AttributeDefinitions."""
    types: dict[str, str] = {}
    for definition in definitions:
        name = definition["AttributeName"]
        if name in types:
            raise ValidationException(f"{INVALID}Attribute Name is duplicated: {name}")
        types[name] = definition["AttributeType"]
    return types


def check_types_cover(types: Types, elements: Sequence[Mapping[str, str]]) -> None:
    """Refuse a table without indexes whose KeySchema and AttributeDefinitions differ."""
    names = [element["AttributeName"] for element in elements]
    if len(types) > len(names):
        raise ValidationException(
            f"{INVALID}Number of attributes in KeySchema does not exactly match number of "
            "attributes defined in AttributeDefinitions"
        )
    if len(types) < len(names):
        raise ValidationException("Invalid KeySchema: Some index key attribute have no definition")
    _check_defined(types, names)


def check_types_used(types: Types, used: Iterable[str]) -> None:
    """Refuse attribute definitions that no key of the table or of an index uses."""
    names = list(dict.fromkeys(used))
    if any(name not in names for name in types):
        raise ValidationException(
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: "
            f"{listed(types)}, keys used: {listed(names)}"
        )


def key_schema(elements: Sequence[Mapping[str, str]], types: Types) -> KeySchema:
    """The key of a table or of a local index, its types taken from the attribute definitions."""
    check_order(elements)
    return _key_schema(elements, types)


def _global_key_schema(elements: Sequence[Mapping[str, str]], types: Types) -> KeySchema:
    """The key of a global index, which may have several attributes of each kind."""
    check_first(elements)
    kinds = [element["KeyType"] for element in elements]
    names = [element["AttributeName"] for element in elements]
    if kinds != sorted(kinds):
        raise ValidationException(
            f"{INVALID}All HASH key attributes must precede RANGE key attributes in the KeySchema"
        )
    for kind in ("HASH", "RANGE"):
        if kinds.count(kind) > index_key_attributes_max:
            raise ValidationException(
                f"{INVALID}The KeySchema exceeds the maximum allowed number of {kind} key "
                "attributes"
            )
    if len(elements) <= _KEY_ATTRIBUTES_MAX:
        _check_names_differ(names)
    elif len(set(names)) < len(names):
        raise ValidationException(
            f"{INVALID}The KeySchema contains multiple key attributes with the same name"
        )
    return _key_schema(elements, types)


def _key_schema(elements: Sequence[Mapping[str, str]], types: Types) -> KeySchema:
    names = [element["AttributeName"] for element in elements]
    _check_defined(types, names)
    keys = [KeyAttribute(name, types[name]) for name in names]
    split = sum(element["KeyType"] == "HASH" for element in elements)
    return KeySchema(tuple(keys[:split]), tuple(keys[split:]))


def check_order(elements: Sequence[Mapping[str, str]]) -> None:
    """Refuse a key schema that is not a HASH key and then at most one RANGE key."""
    check_length(elements, "keySchema")
    check_first(elements)
    if len(elements) == 1:
        return
    if elements[1]["KeyType"] != "RANGE":
        raise ValidationException(
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"
        )
    _check_names_differ([element["AttributeName"] for element in elements])


def check_length(elements: Sequence[Mapping[str, str]], path: str) -> None:
    """Refuse more attributes than the key of a table or of a local index has.

    AWS's service says this where its published model, which allows global indexes more, does not.
    """
    if len(elements) > _KEY_ATTRIBUTES_MAX:
        shown = ", ".join(
            f"KeySchemaElement(attributeName={each['AttributeName']}, keyType={each['KeyType']})"
            for each in elements
        )
        raise ValidationException(
            f"1 validation error detected: Value '[{shown}]' at '{path}' failed to satisfy "
            f"constraint: Member must have length less than or equal to {_KEY_ATTRIBUTES_MAX}"
        )


def check_first(elements: Sequence[Mapping[str, str]]) -> None:
    """Refuse a key schema that does not begin with a HASH key."""
    if elements[0]["KeyType"] != "HASH":
        raise ValidationException(
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"
        )


def _check_names_differ(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ValidationException(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name"
        )


def local_indexes(
    definitions: Sequence[Mapping[str, Any]], table: KeySchema, types: Types
) -> list[IndexDefinition]:
    """The LocalSecondaryIndexes of a new table, given its key."""
    if not definitions:
        raise ValidationException(f"{INVALID}List of LocalSecondaryIndexes is empty")
    if table.sort is None:
        raise ValidationException(
            f"{INVALID}Table KeySchema does not have a range key, which is required when "
            "specifying a LocalSecondaryIndex"
        )
    found = []
    for position, definition in enumerate(definitions, 1):
        name = definition["IndexName"]
        check_length(definition["KeySchema"], f"localSecondaryIndexes.{position}.member.keySchema")
        keys = key_schema(definition["KeySchema"], types)
        if keys.sort is None:
            raise ValidationException(
                f"{INVALID}Index KeySchema does not have a range key for index: {name}"
            )
        if keys.partition != table.partition:
            raise ValidationException(
                f"{INVALID}Index KeySchema does not have the same leading hash key as table "
                f"KeySchema for index: {name}. index hash key: {keys.partition.name}, "
                f"table hash key: {table.partition.name}"
            )
        kind, attributes = _projection(definition["Projection"])
        found.append(
            IndexDefinition(
                name=name, is_global=False, keys=keys, projection=kind, attributes=attributes
            )
        )
    if len(found) > local_indexes_max:
        raise ValidationException(
            f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of "
            f"{local_indexes_max}"
        )
    return found


def global_indexes(
    definitions: Sequence[Mapping[str, Any]], types: Types, *, is_on_demand: bool
) -> list[IndexDefinition]:
    """The GlobalSecondaryIndexes of a new table."""
    if not definitions:
        raise ValidationException(f"{INVALID}List of GlobalSecondaryIndexes is empty")
    found = []
    for definition in definitions:
        index = global_index(definition, types)
        check_index_billing(index, is_on_demand=is_on_demand)
        found.append(index)
    if len(found) > global_indexes_max:
        raise ValidationException(
            f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of "
            f"{global_indexes_max}"
        )
    return found


def global_index(definition: Mapping[str, Any], types: Types) -> IndexDefinition:
    """One global index, of a new table or created later."""
    name = definition["IndexName"]
    kind, attributes = _projection(definition["Projection"])
    return IndexDefinition(
        name=name,
        is_global=True,
        keys=_global_key_schema(definition["KeySchema"], types),
        projection=kind,
        attributes=attributes,
        throughput=throughput(definition.get("ProvisionedThroughput")),
        on_demand_limit=on_demand_limit(definition.get("OnDemandThroughput"), f"index {name}"),
        warm=warm(definition.get("WarmThroughput"), f"index {name}"),
    )


def check_index_billing(index: IndexDefinition, *, is_on_demand: bool) -> None:
    """Refuse a global index whose throughput does not go with the table's billing mode."""
    if is_on_demand and index.throughput is not None:
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput should not be specified for index: {index.name} "
            "when BillingMode is PAY_PER_REQUEST"
        )
    if not is_on_demand and index.throughput is None:
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput must be specified for index: {index.name}"
        )
    what = f"index {index.name}"
    check_limit_billing(index.on_demand_limit, what, is_on_demand=is_on_demand)
    if index.warm is not None:
        warmed(warm_by_itself(index.throughput), index.warm, index.throughput, what)


def check_index_names(names: Sequence[str]) -> None:
    """Refuse two indexes of one name."""
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValidationException(f"{INVALID}Duplicate index name: {name}")


def check_projected(indexes: Iterable[IndexDefinition | Index]) -> None:
    """Refuse more projected attributes, over all indexes of a table, than it may have."""
    count = sum(len(index.attributes) for index in indexes)
    if count > projected_attributes_max:
        raise LimitExceededException(  # ours: the quota is AWS's, its text is not known
            f"Subscriber limit exceeded: Number of NonKeyAttributes of all indexes of a table "
            f"exceeds the limit of {projected_attributes_max}"
        )


def refuse_unsupported(member: str, is_default: bool) -> None:  # noqa: FBT001 - a predicate's result
    """Refuse a parameter that is given with a meaning beyond its default. Text: ours."""
    if not is_default:
        raise ValidationException(f"{INVALID}{member} is not supported by Headwater yet")


def listed(names: Iterable[str]) -> str:
    """Names as AWS's Java prints a collection of them."""
    return f"[{', '.join(names)}]"


def _check_defined(types: Types, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in types]
    if missing:
        raise ValidationException(
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: {listed(names)}, AttributeDefinitions: {listed(types)}"
        )


def _projection(definition: Mapping[str, Any]) -> tuple[ProjectionType, tuple[str, ...]]:
    name = definition.get("ProjectionType")
    attributes: list[str] = definition.get("NonKeyAttributes", [])
    if name is None:
        raise ValidationException(f"{INVALID}Unknown ProjectionType: null")
    kind = ProjectionType(name)
    if kind is ProjectionType.INCLUDE and not attributes:
        raise ValidationException(
            f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified"
        )
    if kind is not ProjectionType.INCLUDE and attributes:
        raise ValidationException(
            f"{INVALID}ProjectionType is {name}, but NonKeyAttributes is specified"
        )
    return kind, tuple(dict.fromkeys(attributes))
