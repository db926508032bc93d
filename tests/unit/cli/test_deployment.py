"""A directory as the zip of a function."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from headwater.cli.deployment import packed


def names(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def write(folder: Path, path: str, text: str = "") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_equal_directories_are_equal_zips(tmp_path: Path) -> None:
    for folder, order in (("one", ["b.py", "a/c.py"]), ("two", ["a/c.py", "b.py"])):
        for path in order:
            write(tmp_path / folder, path, path)

    assert packed(tmp_path / "one") == packed(tmp_path / "two")
    assert names(packed(tmp_path / "one")) == ["a/c.py", "b.py"]


def test_what_belongs_to_tools_is_left_out(tmp_path: Path) -> None:
    for path in ("app.py", "__pycache__/app.pyc", ".git/HEAD", "a/__pycache__/b", ".venv/x"):
        write(tmp_path, path)

    assert names(packed(tmp_path)) == ["app.py"]


def test_programs_stay_programs(tmp_path: Path) -> None:
    write(tmp_path, "run").chmod(0o755)
    write(tmp_path, "text").chmod(0o644)

    with zipfile.ZipFile(io.BytesIO(packed(tmp_path))) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}

    assert modes == {"run": 0o755, "text": 0o644}


def test_content_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "ünï.py", "text\n" * 1000)

    content = packed(tmp_path)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("ünï.py").decode() == "text\n" * 1000
    assert len(content) < 1000
