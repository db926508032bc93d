"""`headwater demo`, as a newcomer runs it, on a small repository with an odd history."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git_repository import (
    LINK,
    PROGRAM,
    SOME_COMMIT,
    SUBMODULE,
    Commit,
    Content,
    make_repository,
)
from tests.server_process import HEADWATER

DEMO_SECONDS_MAX = 500
CLAIMS = (
    "files equals git ls-tree -r HEAD",
    "totals equals what the tree adds up to",
    "replaying the stream gives files",
    "no gap and no duplicate: each old image is the image before",
    "order kept per item: sequence numbers grow along every lineage",
    "each malformed record is in the dead-letter queue, once, all others are not",
)
ELSEWHERE = (
    "the replica in eu-west-1 equals files",
    "the lake's files of Parquet give files",
    "the rows in DuckDB give files",
    "the digests by mail give files",
)
MANY: dict[str | bytes, Content | bytes] = {
    f"src/module_{number}.py": b"x" * number for number in range(150)
}
HISTORY = [
    Commit({"README.md": b"one", "src/a.py": b"a", "docs/index.md": b"d" * 1000}),
    Commit({"README.md": b"two", "ünï çödé/文件.TXT": b"1", "src/b": (PROGRAM, b"#!")}),
    Commit({"src/a.py": None, "src/renamed.py": b"a"}),
    Commit({"side.py": b"side", "README.md": b"side"}, parents=(0,)),
    Commit({"README.md": b"merged", "side.py": b"side"}, parents=(2, 3)),
    Commit(
        {"line\nbreak": b"1", 'quo"te': b"2", "link": (LINK, b"README.md"), b"latin-\xe9": b"3"}
    ),
    Commit({"lib/module": (SUBMODULE, SOME_COMMIT.encode()), "empty": b"", **MANY}),
    Commit(dict.fromkeys(MANY, b"more")),
    Commit({"empty": (LINK, b"x"), **dict.fromkeys(list(MANY)[::3])}),
]
# Every change but that of the side's own commit; the merge brings its file, and changes another.
CHANGE_COUNT = 3 + 3 + 2 + 2 + 4 + 152 + 150 + 51
# A malformed item is put and deleted.
RECORD_COUNT = CHANGE_COUNT + 2


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", HISTORY)


def demo(
    repository: Path, *options: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end. path: where programs are looked for."""
    environment = os.environ | {"COLUMNS": "160"}
    return subprocess.run(
        [HEADWATER, "demo", "--git", repository, *options],
        capture_output=True,
        text=True,
        env=environment if path is None else environment | {"PATH": path},
        timeout=DEMO_SECONDS_MAX,
        check=False,
    )


def marks(output: str) -> dict[str, tuple[str, str, str]]:
    """Of every claim in the table: its mark, its count and its fault."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in output.splitlines()]
    return {row[1]: (row[0], row[2], row[3]) for row in rows if row and row[0] in ("✓", "✗")}


def test_demo_proves_its_claims_here_and_elsewhere(repository: Path) -> None:
    done = demo(repository, "--all")

    proved = marks(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {claim: mark for claim, (mark, _, _) in proved.items()} == dict.fromkeys(
        CLAIMS + ELSEWHERE, "✓"
    )
    for claim in CLAIMS[2:-1]:
        assert proved[claim][1] == str(RECORD_COUNT)
    assert proved[CLAIMS[-1]][1] == "2"
    assert f"{RECORD_COUNT} changes at " in done.stdout
    assert "From write to start of the function: p50 " in done.stdout
    assert "Traceback" not in done.stderr


def test_demo_fails_when_a_claim_does(repository: Path, tmp_path: Path) -> None:
    """The git of this test says of the tree that one file has another size."""
    git = tmp_path / "bin" / "git"
    git.parent.mkdir()
    git.write_text(
        f"#!{sys.executable}\n"
        "import subprocess, sys\n"
        f"done = subprocess.run([{shutil.which('git')!r}, *sys.argv[1:]], stdout=-1)\n"
        "told = done.stdout\n"
        "if 'ls-tree' in sys.argv:\n"
        "    told = told.replace(b'   1000\\tdocs/index.md', b'   1001\\tdocs/index.md')\n"
        "sys.stdout.buffer.write(told)\n"
        "sys.exit(done.returncode)\n"
    )
    git.chmod(0o755)

    done = demo(repository, path=f"{git.parent}:{os.environ['PATH']}")

    proved = marks(done.stdout)
    assert done.returncode == 1, done.stdout + done.stderr
    assert [mark for mark, _, _ in proved.values()] == ["✗", "✗", "✓", "✓", "✓", "✓"]
    assert proved[CLAIMS[1]][2] == "docs/md is [1, 1000], not [1, 1001]"


def test_demo_needs_a_repository(tmp_path: Path) -> None:
    done = demo(tmp_path)

    assert done.returncode == 2
    assert "The demo stopped: git cannot read" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_demo_needs_git(repository: Path, tmp_path: Path) -> None:
    done = demo(repository, path=str(tmp_path))

    assert done.returncode == 2
    assert "The demo stopped: the demo needs the git program" in done.stdout
