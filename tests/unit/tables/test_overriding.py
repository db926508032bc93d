from __future__ import annotations

from dataclasses import replace

import pytest

from headwater.errors import ValidationException
from headwater.storage.keyspace import IndexId, TableId
from headwater.tables import membership, overriding, partitions, schema
from headwater.tables.override import NO_LIMIT, Override, Reads
from headwater.tables.schema import (
    Index,
    KeyAttribute,
    KeySchema,
    ProjectionType,
    Replica,
    ReplicaStatus,
    Table,
    TableClass,
    TableStatus,
    Throughput,
    Units,
)

EAST, WEST = "us-east-1", "eu-west-1"
STANDARD, INFREQUENT = TableClass.STANDARD, TableClass.STANDARD_INFREQUENT_ACCESS
KEYS = KeySchema((KeyAttribute("k", "S"),))
PROVISIONED = Throughput(10, 20)
BOTH = Reads(3, 4)


def table(region: str = WEST, throughput: Throughput | None = None) -> Table:
    limit = None if throughput is not None else Units(100, 200)
    index = Index(
        "by-v",
        IndexId("1"),
        True,
        KEYS,
        ProjectionType.ALL,
        throughput=throughput,
        on_demand_limit=limit,
    )
    return Table(
        region,
        "music",
        TableId("0"),
        TableStatus.ACTIVE,
        1.0,
        KEYS,
        partitions.initial(Units(), 1),
        (index,),
        throughput,
        on_demand_limit=limit,
    )


def with_override(present: Table, override: Override) -> Table:
    return replace(present, overrides={WEST: override})


@pytest.mark.parametrize("throughput", [None, PROVISIONED])
def test_override_is_in_force_in_its_region_alone(throughput: Throughput | None) -> None:
    override = Override(BOTH, {"by-v": BOTH}, "STANDARD_INFREQUENT_ACCESS", 7.0)
    west = overriding.in_force(with_override(table(WEST, throughput), override))
    east = with_override(table(EAST, throughput), override)

    everything: list[Table | Index] = [west, *west.indexes]
    for what in everything:
        if throughput is None:
            assert (what.throughput, what.on_demand_limit) == (None, Units(4, 200))
        else:
            assert (what.throughput, what.on_demand_limit) == (Throughput(3, 20), None)
    assert (west.table_class, west.class_changed_at) == (TableClass.STANDARD_INFREQUENT_ACCESS, 7)
    assert overriding.in_force(east) is east


def test_limit_may_be_taken_away() -> None:
    found = overriding.in_force(with_override(table(), Override(Reads(on_demand=NO_LIMIT))))

    assert found.on_demand_limit == Units(NO_LIMIT, 200)


def test_overrides_are_added_to_those_there_are() -> None:
    first = overriding.merged(table(), WEST, Override(Reads(on_demand=1)), 5.0)
    asked = Override(indexes={"by-v": Reads(on_demand=2)}, table_class="STANDARD")

    second = overriding.merged(replace(table(), overrides=first), WEST, asked, 6.0)

    assert second == {
        WEST: Override(Reads(on_demand=1), {"by-v": Reads(on_demand=2)}, "STANDARD", 6.0)
    }


@pytest.mark.parametrize(
    ("throughput", "asked", "text"),
    [
        (None, Override(Reads(provisioned=1)), "BillingMode is PAY_PER_REQUEST"),
        (PROVISIONED, Override(Reads(on_demand=1)), "BillingMode is PROVISIONED"),
        (None, Override(indexes={"by-v": Reads(1)}), "BillingMode is PAY_PER_REQUEST"),
        (None, Override(indexes={"by-w": Reads()}), "global secondary index: by-w"),
    ],
)
def test_override_that_goes_with_another_table_is_refused(
    throughput: Throughput | None, asked: Override, text: str
) -> None:
    with pytest.raises(ValidationException, match=text):
        overriding.merged(table(WEST, throughput), WEST, asked, 1.0)


@pytest.mark.parametrize(("asked", "changed_at"), [(STANDARD, 9.0), (INFREQUENT, 1.0)])
def test_class_that_is_set_where_it_was_overridden_counts(
    asked: TableClass, changed_at: float
) -> None:
    override = Override(BOTH, table_class=INFREQUENT, class_changed_at=1.0)

    after = overriding.with_class(with_override(table(), override), asked, 9.0)

    shown = overriding.in_force(after)
    assert (shown.table_class, shown.class_changed_at) == (asked, changed_at)
    assert after.overrides == {WEST: Override(BOTH)}


def test_class_that_is_not_set_stays() -> None:
    assert overriding.with_class(table(), None, 9.0) == table()
    assert overriding.with_class(table(), STANDARD, 9.0) == table()


def test_last_of_a_group_keeps_as_its_own_what_it_had_otherwise() -> None:
    gone = Replica(EAST, TableId("1"), ReplicaStatus.ACTIVE)
    present = with_override(replace(table(), replicas=(gone,)), Override(BOTH))

    alone = membership.without(present, gone)

    assert alone.on_demand_limit == Units(4, 200)
    assert alone.overrides == {}


def test_override_is_stored() -> None:
    override = Override(BOTH, {"by-v": BOTH}, "STANDARD", 7.0)
    present = with_override(table(), override)

    assert schema.decode(schema.encode(present)).overrides == {WEST: override}
