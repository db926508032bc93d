"""What every store of objects promises; held by the double in memory too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from headwater.clock import SeededChance
from headwater.storage.objects import (
    DirectoryObjects,
    Encryption,
    ObjectsFailed,
    ObjectStore,
    Place,
    UnusableName,
)
from headwater.storage.s3 import S3Objects
from tests.s3_server import MISSING, S3Server, s3_server
from tests.stored_objects import MemoryObjects

MakeStore = Callable[[], ObjectStore]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with s3_server() as server:
        yield server


@pytest.fixture(params=["memory", "directory", "s3"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    match request.param:
        case "memory":
            return MemoryObjects
        case "directory":
            return lambda: DirectoryObjects(tmp_path, SeededChance(1))
        case _:
            server: S3Server = request.getfixturevalue("s3")
            return lambda: S3Objects(server.endpoint, "us-east-1")


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(body)


def test_what_is_put_is_read_in_parts_and_whole(make: MakeStore) -> None:
    async def body() -> None:
        store, place = make(), Place("bucket", "a/b/ä c.txt")

        tag = await store.put(place, b"0123456789")

        assert tag == md5(b"0123456789", usedforsecurity=False).hexdigest()
        assert await store.read(place, 0, 100) == b"0123456789"
        assert await store.read(place, 3, 4) == b"3456"
        assert await store.read(place, 10, 4) == b""

    run(body())


def test_a_second_put_takes_the_place_of_the_first(make: MakeStore) -> None:
    async def body() -> None:
        store, place = make(), Place("bucket", "key")
        await store.put(place, b"a long first body")

        await store.put(place, b"second")

        assert await store.read(place, 0, 100) == b"second"

    run(body())


def test_a_deleted_object_is_gone_and_may_be_deleted_again(make: MakeStore) -> None:
    async def body() -> None:
        store, place = make(), Place("bucket", "folder/key")
        await store.put(place, b"body")

        await store.delete(place)
        await store.delete(place)
        await store.delete(Place("bucket", "folder/key/below"))

        with pytest.raises(ObjectsFailed, match="NoSuchKey"):
            await store.read(place, 0, 1)

    run(body())


def test_keys_are_listed_by_prefix_in_order_with_sizes(make: MakeStore) -> None:
    async def body() -> None:
        store = make()
        for key in ("p/b", "p/a/x", "p/a", "pq", "p/a-1", "o", "p/é"):
            if key != "p/a" or isinstance(store, MemoryObjects):
                await store.put(Place("bucket", key), key.encode())
        await store.put(Place("other", "p/z"), b"")

        found = await store.list("bucket", "p/", 100)
        first = await store.list("bucket", "p/", 2)

        keys = [each.key for each in found if each.key != "p/a"]
        assert keys == ["p/a-1", "p/a/x", "p/b", "p/é"]
        assert [each.size for each in found] == [len(each.key.encode()) for each in found]
        assert first == found[:2]

    run(body())


def test_a_prefix_need_not_end_with_a_folder(make: MakeStore) -> None:
    async def body() -> None:
        store = make()
        await store.put(Place("bucket", "folder/part-1"), b"")
        await store.put(Place("bucket", "folder/other"), b"")

        found = await store.list("bucket", "folder/pa", 10)

        assert [each.key for each in found] == ["folder/part-1"]

    run(body())


def test_nothing_under_a_prefix_is_an_empty_list(make: MakeStore) -> None:
    async def body() -> None:
        store = make()
        await store.put(Place("bucket", "key"), b"")

        assert await store.list("bucket", "none/of/these", 10) == []

    run(body())


def test_a_missing_object_and_a_missing_bucket_are_told_apart(make: MakeStore) -> None:
    async def body() -> None:
        store = make()
        await store.put(Place("bucket", "key"), b"")

        with pytest.raises(ObjectsFailed) as no_key:
            await store.read(Place("bucket", "other"), 0, 1)
        with pytest.raises(ObjectsFailed) as no_bucket:
            await store.list(MISSING, "", 1)

        assert no_key.value.code == "S3NoSuchKey"
        assert no_bucket.value.code == "S3NoSuchBucket"

    run(body())


@pytest.mark.parametrize(
    "prefix",
    ["..", "../x", "a/../../x", "/etc", "a//b", "./a", "a/./b", "a\x00b", "a\\b", "x" * 256],
)
def test_a_directory_refuses_keys_that_are_no_path_below_a_bucket(
    tmp_path: Path, prefix: str
) -> None:
    async def body() -> None:
        store = DirectoryObjects(tmp_path / "root", SeededChance(1))

        with pytest.raises(UnusableName):
            store.check("bucket", prefix)
        for attempt in (
            store.put(Place("bucket", prefix), b""),
            store.read(Place("bucket", prefix), 0, 1),
            store.list("bucket", prefix, 1),
        ):
            with pytest.raises(ObjectsFailed):
                await attempt

    run(body())

    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("bucket", ["..", ".", "", "a/b", "a\x00b", "-a"])
def test_a_directory_refuses_buckets_that_are_no_folder_of_it(tmp_path: Path, bucket: str) -> None:
    store = DirectoryObjects(tmp_path, SeededChance(1))

    with pytest.raises(UnusableName):
        store.check(bucket, "")


def test_a_directory_does_not_list_what_is_being_written(tmp_path: Path) -> None:
    async def body() -> None:
        store = DirectoryObjects(tmp_path, SeededChance(1))
        await store.put(Place("bucket", "key"), b"")
        (tmp_path / "bucket" / ".headwater-part-00").write_bytes(b"half")

        found = await store.list("bucket", "", 10)

        assert [each.key for each in found] == ["key"]

    run(body())


def test_a_directory_that_cannot_be_written_fails_with_a_code(tmp_path: Path) -> None:
    async def body() -> None:
        (tmp_path / "bucket").write_bytes(b"a file where a folder should be")
        store = DirectoryObjects(tmp_path, SeededChance(1))

        with pytest.raises(ObjectsFailed) as caught:
            await store.put(Place("bucket", "key"), b"")

        assert caught.value.code == "S3InternalError"

    run(body())


def test_s3_is_tried_again_after_a_failure_that_passes(s3: S3Server) -> None:
    async def body() -> None:
        store = S3Objects(s3.endpoint, "us-east-1")
        s3.failures = [500]

        await store.put(Place("bucket", "key"), b"body")

        assert s3.bodies == {"/bucket/key": b"body"}

    run(body())


def test_s3_names_what_it_refuses(s3: S3Server) -> None:
    async def body() -> None:
        store = S3Objects(s3.endpoint, "us-east-1")
        s3.failures = [400]

        with pytest.raises(ObjectsFailed) as caught:
            await store.put(Place("bucket", "key"), b"body")

        assert caught.value.code == "S3InternalError"
        assert "InternalError" in caught.value.message

    run(body())


def test_s3_is_asked_to_encrypt(s3: S3Server) -> None:
    async def body() -> None:
        store = S3Objects(s3.endpoint, "us-east-1")

        await store.put(Place("bucket", "key"), b"body", Encryption("KMS", "a-key"))

        headers = s3.headers["/bucket/key"]
        assert headers["x-amz-server-side-encryption"] == "aws:kms"
        assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "a-key"

    run(body())
