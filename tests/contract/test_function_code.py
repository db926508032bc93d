"""Code as a zip: what is refused, and what is unpacked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import stat
import zipfile
from pathlib import Path

import pytest

from headwater import limits
from headwater.errors import InvalidParameterValueException, RequestTooLargeException
from headwater.functions.package import CodeFolder, check, digest_of

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


def zipped(*entries: tuple[str, bytes, int]) -> bytes:
    """A zip of entries: name, content, mode."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def file(name: str, content: bytes = b"x") -> tuple[str, bytes, int]:
    return name, content, stat.S_IFREG | 0o644


def link(name: str, where: str) -> tuple[str, bytes, int]:
    return name, where.encode(), stat.S_IFLNK | 0o777


def unpack(content: bytes, folder: Path) -> Path:
    return asyncio.run(CodeFolder(folder).unpack(check(content)))


def refused(content: bytes, folder: Path) -> bool:
    """Refused with AWS's text, and nothing left behind."""
    with pytest.raises(InvalidParameterValueException) as caught:
        unpack(content, folder)
    left = list(folder.iterdir()) if folder.exists() else []
    return str(caught.value) == UNREADABLE and not left


def test_package_knows_its_digest() -> None:
    content = zipped(file("app.py"))

    package = check(content)

    digest = hashlib.sha256(content).digest()
    assert package.code_sha256 == base64.b64encode(digest).decode()
    assert package.name == digest.hex()
    assert digest_of(package.code_sha256) == package.digest


def test_files_folders_and_programs_are_unpacked(tmp_path: Path) -> None:
    program = ("bin/tool", b"#!", stat.S_IFREG | 0o755)

    folder = unpack(zipped(file("app.py", b"code"), program, ("lib/", b"", 0)), tmp_path / "code")

    assert (folder / "app.py").read_bytes() == b"code"
    assert (folder / "bin/tool").stat().st_mode & 0o777 == 0o555
    assert (folder / "lib").is_dir()


def test_same_code_is_unpacked_once(tmp_path: Path) -> None:
    content = zipped(file("app.py"))

    assert unpack(content, tmp_path) == unpack(content, tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_same_code_at_once_is_one_folder(tmp_path: Path) -> None:
    package = check(zipped(file("app.py")))
    code = CodeFolder(tmp_path)

    async def both() -> list[Path]:
        return list(await asyncio.gather(code.unpack(package), code.unpack(package)))

    first, second = asyncio.run(both())
    assert first == second
    assert list(tmp_path.iterdir()) == [first]


def test_link_within_is_kept(tmp_path: Path) -> None:
    folder = unpack(zipped(file("lib/a.py", b"a"), link("lib/b.py", "a.py")), tmp_path)

    assert (folder / "lib/b.py").read_bytes() == b"a"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a zip",
        zipped(file("app.py", b"x" * 100))[:-30],
        zipped(file("../escaped.py")),
        zipped(file("a/../../escaped.py")),
        zipped(file("/etc/escaped")),
        zipped(file("a\\..\\escaped")),
        zipped(link("out", "/etc")),
        zipped(link("out", "../..")),
        zipped(link("here", "."), link("out", "here/../escaped")),
        zipped(link("loop", "loop")),
        zipped(link("empty", "")),
        zipped(file("a"), file("a/b")),
        zipped(file("x" * 300)),
        zipped(link("d", "."), file("d/f")),
    ],
    ids=[
        "empty",
        "garbage",
        "truncated",
        "climbing",
        "climbing-inside",
        "absolute",
        "backslash",
        "link-absolute",
        "link-climbing",
        "link-through-link",
        "link-loop",
        "link-empty",
        "file-as-folder",
        "long-name",
        "link-as-folder",
    ],
)
def test_zip_that_cannot_be_unpacked_safely_is_refused(content: bytes, tmp_path: Path) -> None:
    assert refused(content, tmp_path / "code")


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(file("app.py", bytes(range(256)) * 20)))
    content[60] ^= 0xFF

    assert refused(bytes(content), tmp_path / "code")


def test_zip_without_entries_is_refused() -> None:
    with pytest.raises(InvalidParameterValueException, match="must be a non-empty zip"):
        check(zipped())


def test_code_over_the_limit_is_refused_by_what_it_declares() -> None:
    content = zipped(*(file(f"f{n}", bytes(limits.MB * 50)) for n in range(6)))

    with pytest.raises(InvalidParameterValueException) as caught:
        check(content)

    assert str(caught.value) == "Unzipped size must be smaller than 262144000 bytes"


def test_zip_over_the_limit_is_refused() -> None:
    with pytest.raises(RequestTooLargeException, match="smaller than 69905067 bytes"):
        check(bytes(limits.function_zip_bytes_max + 1))
