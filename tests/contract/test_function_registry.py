"""Registered functions, over a store that compares and sets."""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.clock import ManualClock, SeededChance
from headwater.errors import (
    FunctionNotFound,
    InvalidParameterValueException,
    PreconditionFailedException,
    ResourceConflictException,
    ServiceException,
)
from headwater.functions.function import Configuration, Function, FunctionVersion
from headwater.functions.package import CodeFolder
from headwater.functions.registry import ConfigurationChange, Machine, Registry
from headwater.functions.runtime import Runtimes
from headwater.functions.shelf import Shelf
from headwater.functions.store import FunctionStore
from headwater.functions.versions import Versions
from headwater.storage.committer import Committer, Wakeups
from headwater.storage.memory import MemoryEngine

REGION = "eu-west-1"
OURS = f"python3.{sys.version_info.minor}"
GOOD = Configuration(runtime=OURS, handler="app.handler", role="arn:aws:iam::000000000000:role/r")


class Office:
    """A registry over a store in memory, and its folder; a second one may share the engine."""

    def __init__(self, folder: Path, engine: MemoryEngine | None = None) -> None:
        self.engine = engine or MemoryEngine()
        self.committer = Committer(self.engine, Wakeups())
        self.store = FunctionStore(self.engine, self.committer)
        self.folder = folder
        self.clock = ManualClock()
        machine = Machine(
            CodeFolder(folder), Runtimes(), self.clock, SeededChance(1), lambda _: None
        )
        self.registry = Registry(self.store, "000000000000", machine)
        self.versions = Versions(self.registry)
        self.shelf = Shelf(self.registry, self.versions)

    async def create(self, name: str = "f", configuration: Configuration = GOOD) -> Function:
        new = self.registry.new(REGION, name, configuration, {})
        return await self.registry.create(new, zipped("1"))

    async def version(self, qualifier: str | None = None) -> FunctionVersion:
        return (await self.shelf.take(REGION, "f", qualifier)).version

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Office]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.committer.run())
            yield self
            self.committer.close()


def zipped(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), source)
    return buffer.getvalue()


def in_an_office(test: Callable[[Office], Awaitable[None]]) -> Callable[[Path], None]:
    def run(tmp_path: Path) -> None:
        async def main() -> None:
            async with Office(tmp_path / "functions").open() as office:
                await test(office)

        asyncio.run(main())

    run.__name__ = test.__name__
    return run


@in_an_office
async def test_created_function_is_found(office: Office) -> None:
    created = await office.create()

    found = await office.registry.get(REGION, "f")

    assert found == created
    assert found.arn == "arn:aws:lambda:eu-west-1:000000000000:function:f"
    assert found.code_size == len(zipped("1"))
    assert found.state == "Active"


@in_an_office
async def test_code_comes_back_as_uploaded(office: Office) -> None:
    created = await office.create()

    assert await office.registry.code(created) == zipped("1")


@in_an_office
async def test_name_that_is_taken_is_refused(office: Office) -> None:
    await office.create()

    with pytest.raises(ResourceConflictException) as caught:
        await office.create()

    assert str(caught.value) == "Function already exist: f"


@in_an_office
async def test_of_two_creating_at_once_one_wins(office: Office) -> None:
    outcomes = await asyncio.gather(office.create(), office.create(), return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "Function",
        "ResourceConflictException",
    ]


@in_an_office
async def test_regions_do_not_see_each_other(office: Office) -> None:
    await office.create()

    with pytest.raises(FunctionNotFound):
        await office.registry.get("us-east-1", "f")


@in_an_office
async def test_unknown_function_is_named_by_its_arn(office: Office) -> None:
    with pytest.raises(FunctionNotFound) as caught:
        await office.registry.get(REGION, "absent")

    assert str(caught.value) == (
        "Function not found: arn:aws:lambda:eu-west-1:000000000000:function:absent"
    )


@in_an_office
async def test_pages_follow_the_order_of_names(office: Office) -> None:
    for name in ("b", "c", "a"):
        await office.create(name)

    first = await office.registry.page(REGION, "", 2)
    second = await office.registry.page(REGION, "b", 2)

    assert [found.name for found in first] == ["a", "b"]
    assert [found.name for found in second] == ["c"]


@in_an_office
async def test_other_code_is_another_revision(office: Office) -> None:
    created = await office.create()
    office.clock.advance(5)

    changed = await office.registry.update_code(REGION, "f", zipped("2"))

    assert changed.code_sha256 != created.code_sha256
    assert changed.revision_id != created.revision_id
    assert changed.last_modified == created.last_modified + 5
    assert await office.registry.get(REGION, "f") == changed


@in_an_office
async def test_configuration_changes_only_what_is_named(office: Office) -> None:
    await office.create()

    change = ConfigurationChange(timeout_seconds=30, environment={"A": "b"})
    changed = await office.registry.update_configuration(REGION, "f", change)

    assert changed.configuration == replace(GOOD, timeout_seconds=30, environment={"A": "b"})


@in_an_office
async def test_bad_change_leaves_the_function_as_it_was(office: Office) -> None:
    created = await office.create()

    with pytest.raises(InvalidParameterValueException):
        await office.registry.update_configuration(
            REGION, "f", ConfigurationChange(timeout_seconds=901)
        )

    assert await office.registry.get(REGION, "f") == created


@in_an_office
async def test_change_to_an_older_revision_is_refused(office: Office) -> None:
    created = await office.create()
    await office.registry.update_code(REGION, "f", zipped("2"), created.revision_id)

    with pytest.raises(PreconditionFailedException):
        await office.registry.update_code(REGION, "f", zipped("3"), created.revision_id)


@in_an_office
async def test_of_two_changes_at_once_one_is_told_so(office: Office) -> None:
    await office.create()

    outcomes = await asyncio.gather(
        office.registry.update_code(REGION, "f", zipped("2")),
        office.registry.update_code(REGION, "f", zipped("3")),
        return_exceptions=True,
    )

    (text,) = [str(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert text == (
        "The operation cannot be performed at this time. An update is in progress for resource: "
        "arn:aws:lambda:eu-west-1:000000000000:function:f"
    )


@in_an_office
async def test_deleted_function_is_gone(office: Office) -> None:
    await office.create()
    await office.version()

    await office.registry.delete(REGION, "f")

    with pytest.raises(FunctionNotFound):
        await office.version()


@in_an_office
async def test_bad_zip_registers_nothing(office: Office) -> None:
    with pytest.raises(InvalidParameterValueException, match="Could not unzip"):
        await office.registry.create(office.registry.new(REGION, "f", GOOD, {}), b"no zip")

    assert await office.registry.page(REGION, "", 1) == []
    assert await office.store.code_digests() == []


@pytest.mark.parametrize("runtime", ["python3.99", "nodejs23.x", "java21", "../python3.11"])
def test_runtime_that_is_not_here_is_refused_with_what_is(runtime: str, tmp_path: Path) -> None:
    @in_an_office
    async def refused(office: Office) -> None:
        await office.create(configuration=replace(GOOD, runtime=runtime))

    with pytest.raises(ExceptionGroup) as group:
        refused(tmp_path)
    (caught,) = group.value.exceptions

    assert isinstance(caught, InvalidParameterValueException)
    text = str(caught)
    assert text.startswith(f"The runtime {runtime} is not available on this server. Available: ")
    assert OURS in text


@in_an_office
async def test_version_is_ready_to_run(office: Office) -> None:
    created = await office.create()

    version = await office.version()

    assert version.runtime.program == Path(sys.executable)
    assert (version.code / "app.py").read_text() == "1"
    assert version.revision_id == created.revision_id
    assert version.log_group == "/aws/lambda/f"


@in_an_office
async def test_version_is_the_same_value_until_the_function_changes(office: Office) -> None:
    await office.create()
    version = await office.version()

    again = await office.version()
    await office.registry.update_code(REGION, "f", zipped("2"))
    changed = await office.version()

    assert again is version
    assert (changed.code / "app.py").read_text() == "2"


@in_an_office
async def test_code_survives_the_loss_of_its_folder(office: Office) -> None:
    await office.create()
    elsewhere = Office(office.folder.with_name("new"), office.engine)

    version = await elsewhere.version()

    assert version.code.is_relative_to(elsewhere.folder)
    assert (version.code / "app.py").read_text() == "1"


@in_an_office
async def test_code_survives_the_loss_of_its_folder_while_it_is_in_use(office: Office) -> None:
    """A temporary folder is swept by the system when it has grown old."""
    await office.create()
    version = await office.version()
    shutil.rmtree(office.folder)

    again = await office.version()

    assert again.code == version.code
    assert (again.code / "app.py").read_text() == "1"


@in_an_office
async def test_lost_code_is_our_fault(office: Office) -> None:
    created = await office.create()
    await office.store.remove_code(
        await office.store.code_digests(), await office.store.code_count()
    )

    with pytest.raises(ServiceException):
        await office.registry.code(created)
