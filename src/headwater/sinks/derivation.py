"""What a derived table has of a table's items, and what a change of one changes there. Pure.

Of each item of the source a *trail* is kept: the version it was seen in, and what the derived table
has of it. A change that is not newer than its trail changes nothing, and a newer one takes the
place of what the trail says; so counts are right however often changes come.

    form     of an item, the derived table has
    -------  ---------------------------------------------------------------------------------
    items    an item: its key attributes, as `key` names them, and those of `attributes`, or all
    counts   its share of an item for all with the same values of `key`: 1 in `count`, and what
             it has of each of `sums`

An item that lacks an attribute of `key` is not in the derived table, as with an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson

from headwater.errors import ServiceError
from headwater.limits import item_bytes_max
from headwater.sinks.change import Change, dumps
from headwater.sinks.kind import Rejected
from headwater.tables.schema import KeySchema
from headwater.values import item as items
from headwater.values import number
from headwater.values.item import Item

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names in the derived table, each with the attribute of the source that it is made of."""

ZERO: Final = "0"


class Form(StrEnum):
    items = "items"
    counts = "counts"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a table is derived; see the module. keys: of the derived table.

    key: empty if its key attributes have the same names in the source. attributes: empty is all.
    is_typed: documents are the items themselves, with their types.
    """

    form: Form
    keys: KeySchema
    key: Pairs
    attributes: tuple[str, ...]
    count: str
    sums: Pairs
    is_typed: bool


@dataclass(frozen=True, slots=True)
class Trail:
    """What was seen of an item of the source. key: of what there is of it in the derived table.

    sums: its share, by attribute there.
    """

    version: int
    key: Item | None = None
    sums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Derived:
    """What the derived table has of a changed item from now on.

    name: of the item's trail. key: of what there is of it, None if nothing is. held: its
    attributes there. sums: its share. reason: why there is nothing, if there should be something.
    """

    name: str
    key: Item | None = None
    held: Item = field(default_factory=dict)
    sums: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept beside a derived table: trails, and the trails' names by the items they own.

    Two items of the source may change places, and their changes come in any order: who leaves a
    place takes away only what is still its own.
    """

    trails: dict[str, Trail | None]
    owners: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What changes change. kept: after them.

    puts: what is to be under a key of the derived table, None for nothing. shares: what is to be
    added to the numbers under a key. Both by the key as JSON.
    """

    kept: Kept
    puts: dict[bytes, Item | None] = field(default_factory=dict)
    shares: dict[bytes, dict[str, str]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)


def trail_name(change: Change) -> str:
    """What the trail of a change's item is kept as."""
    return f"trail/{_digest(change.key)}"


def owner_name(key: Item) -> str:
    """What the owner of an item of the derived table is kept as."""
    return f"owner/{_digest(_bytes(key))}"


def derived(rules: Rules, change: Change) -> Derived:
    """What there is of a changed item."""
    name = trail_name(change)
    try:
        key, held = _key_and_attributes(rules, change)
        if key is None:
            return Derived(name)
        sums = _share(rules, held) if rules.form is Form.counts else {}
        return Derived(name, key, held, sums)
    except ServiceError as error:
        return Derived(name, reason=str(error))


def places(made: Sequence[Derived], trails: Mapping[str, Trail | None]) -> list[str]:
    """The names of the owners of all places that a plan may look at."""
    keys = [each.key for each in made] + [trail.key for trail in trails.values() if trail]
    return list(dict.fromkeys(owner_name(key) for key in keys if key is not None))


def plan(rules: Rules, changes: Sequence[Change], made: Sequence[Derived], kept: Kept) -> Plan:
    """What changes, in their order, change; made: of each, what there is of it."""
    planned = Plan(Kept(dict(kept.trails), dict(kept.owners)))
    for index, (change, after) in enumerate(zip(changes, made, strict=True)):
        before = planned.kept.trails[after.name]
        if before is not None and change.version <= before.version:
            continue
        if after.reason is not None:
            planned.rejected.append(Rejected(index, after.reason))
        if rules.form is Form.items:
            _replace(planned, before, after)
        else:
            _move(planned, before, after)
        trail = Trail(change.version, after.key, after.sums)
        planned.kept.trails[after.name] = None if change.new is None else trail
    return planned


def added(old: Item | None, key: Item, share: Mapping[str, str], count: str) -> Item | None:
    """An item of counts with a share added; None once nothing is counted.

    Raises ValidationException for a sum that no number can be.
    """
    item = {**key} if old is None else {**old}
    for name, value in share.items():
        item[name] = {"N": number.add(item.get(name, {}).get("N", ZERO), value)}
    return None if item[count] == {"N": ZERO} else item


def typed(value: Any) -> Any:
    """A plain value as wire JSON."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case list():
            return {"L": [typed(each) for each in value]}
        case dict():
            return {"M": {name: typed(each) for name, each in value.items()}}
        case _:
            return {"N": dumps(value).decode()}


def encode(trail: Trail | None) -> bytes | None:
    if trail is None:
        return None
    return orjson.dumps({"version": trail.version, "key": trail.key, "sums": dict(trail.sums)})


def decode(stored: bytes | None) -> Trail | None:
    return None if stored is None else Trail(**orjson.loads(stored))


def _key_and_attributes(rules: Rules, change: Change) -> tuple[Item | None, Item]:
    """The key and the attributes of what the derived table has of a change's item.

    Raises ServiceError if it can have nothing of it.
    """
    source = _source(rules, change)
    if source is None:
        return None, {}
    renamed = {name: source[of] for name, of in rules.key if of in source}
    taken = source
    if rules.form is Form.counts:
        taken = {name: source[of] for name, of in rules.sums if of in source}
    elif rules.attributes:
        taken = {name: source[name] for name in rules.attributes if name in source}
    names = rules.keys.names()
    key = {
        name: renamed[name] if name in renamed else source[name]
        for name in names
        if name in renamed or (not rules.key and name in source)
    }
    if key.keys() != set(names):
        return None, {}
    for attribute in rules.keys.attributes():
        if attribute.type not in key[attribute.name]:
            raise _unfit(f"{attribute.name} is not of the type {attribute.type} of the key")
    held = {**taken, **key}
    if items.size(held) > item_bytes_max:
        raise _unfit("the derived item is too large")
    return key, held


def _source(rules: Rules, change: Change) -> Item | None:
    if change.document is None or rules.is_typed:
        return None if change.document is None else change.new
    wire, _ = items.normalise({name: typed(value) for name, value in change.document.items()})
    return wire


def _share(rules: Rules, held: Item) -> dict[str, str]:
    sums = {rules.count: "1"}
    for name, _ in rules.sums:
        value = held.get(name, {"N": ZERO})
        if "N" not in value:
            raise _unfit(f"{name} is made of what is no number")
        sums[name] = value["N"]
    return sums


def _replace(planned: Plan, before: Trail | None, after: Derived) -> None:
    owners = planned.kept.owners
    if before is not None and before.key is not None and before.key != after.key:
        owner = owner_name(before.key)
        if owners[owner] == after.name:
            planned.puts[_bytes(before.key)] = None
            owners[owner] = None
    if after.key is not None:
        planned.puts[_bytes(after.key)] = after.held
        owners[owner_name(after.key)] = after.name


def _move(planned: Plan, before: Trail | None, after: Derived) -> None:
    if before is not None and before.key is not None:
        shares = planned.shares.setdefault(_bytes(before.key), {})
        for name, value in before.sums.items():
            shares[name] = number.subtract(shares.get(name, ZERO), value)
    if after.key is not None:
        shares = planned.shares.setdefault(_bytes(after.key), {})
        for name, value in after.sums.items():
            shares[name] = number.add(shares.get(name, ZERO), value)


def _digest(key: bytes) -> str:
    return blake2b(key, digest_size=16).hexdigest()


def _bytes(key: Item) -> bytes:
    return orjson.dumps(key, option=orjson.OPT_SORT_KEYS)


class Unfit(ServiceError):
    """A change that the derived table can have nothing of; the text says why."""


def _unfit(text: str) -> Unfit:
    return Unfit(text)
