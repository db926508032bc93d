"""Code that nobody names is removed, and only that."""

from __future__ import annotations

import pytest

from headwater.functions.package import CodeFolder
from headwater.functions.store import Conflict
from headwater.functions.sweeper import CodeSweeper
from headwater.functions.versions import Publication
from headwater.limits import function_code_spare_seconds
from tests.contract.test_function_registry import REGION, Office, in_an_office, zipped


def sweeper(office: Office) -> CodeSweeper:
    return CodeSweeper(office.store, CodeFolder(office.folder), office.clock)


async def sweep(office: Office) -> int:
    """Sweep once; returns how many zips are left."""
    await sweeper(office).sweep(await office.store.code_count())
    return len(await office.store.code_digests())


@in_an_office
async def test_replaced_code_goes_and_current_code_stays(office: Office) -> None:
    await office.create()
    changed = await office.registry.update_code(REGION, "f", zipped("2"))
    assert len(await office.store.code_digests()) == 2

    assert await sweep(office) == 1
    assert await office.registry.code(changed) == zipped("2")


@in_an_office
async def test_code_of_a_version_stays_until_the_function_goes(office: Office) -> None:
    await office.create()
    await office.versions.publish(REGION, "f", Publication())
    await office.registry.update_code(REGION, "f", zipped("2"))

    assert await sweep(office) == 2
    await office.registry.delete(REGION, "f")
    assert await sweep(office) == 0


@in_an_office
async def test_code_that_two_functions_share_stays_with_one(office: Office) -> None:
    await office.create("f")
    await office.create("g")
    await office.registry.delete(REGION, "f")

    assert await sweep(office) == 1


@in_an_office
async def test_code_that_is_named_while_others_are_chosen_is_not_removed(office: Office) -> None:
    await office.create()
    await office.registry.delete(REGION, "f")
    seen = await office.store.code_count()
    await office.create()

    with pytest.raises(Conflict):
        await office.store.remove_code(await office.store.code_digests(), seen)
    assert await sweep(office) == 1


@in_an_office
async def test_unpacked_code_stays_longer_than_an_invocation_lasts(office: Office) -> None:
    await office.create()
    kept = await office.version()
    await office.registry.update_code(REGION, "f", zipped("2"))
    sweeping = sweeper(office)

    await sweeping.sweep(await office.store.code_count())
    assert kept.code.is_dir()
    office.clock.advance(function_code_spare_seconds)
    await sweeping.sweep(await office.store.code_count())

    assert not kept.code.exists()
    assert (await office.version()).code.is_dir()
