"""Histories and trees of small repositories, as git itself tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.cli.demo.history import Change, File, HistoryUnreadable, Kind, changes, tree
from headwater.limits import sort_key_bytes_max
from tests.git_repository import (
    FIRST_SECOND,
    LINK,
    PROGRAM,
    SOME_COMMIT,
    SUBMODULE,
    Commit,
    git,
    make_repository,
)


def told(repository: Path) -> list[tuple[str, str]]:
    """What happened to which path, in order."""
    return [(change.kind.value, change.file.path) for change in changes(repository)]


def replayed(history: list[Change]) -> set[File]:
    """The files that a history leaves."""
    files: dict[str, File] = {}
    for change in history:
        if change.kind is Kind.ADDED:
            assert change.file.path not in files
        else:
            assert change.file.path in files
        if change.kind is Kind.DELETED:
            assert files.pop(change.file.path) == change.file
        else:
            files[change.file.path] = change.file
    return set(files.values())


def test_changes_come_oldest_first_with_their_commits(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path, [Commit({"a": b"1"}), Commit({"a": b"22"}), Commit({"a": None})]
    )

    added, modified, deleted = changes(repository)

    ids = git(repository, "log", "--reverse", "--format=%H").split()
    assert [added.commit, modified.commit, deleted.commit] == ids
    assert [added.time, modified.time, deleted.time] == [FIRST_SECOND + n for n in range(3)]
    assert [added.kind, modified.kind, deleted.kind] == [Kind.ADDED, Kind.MODIFIED, Kind.DELETED]
    assert [added.file.size, modified.file.size] == [1, 2]
    assert deleted.file == modified.file


def test_renaming_is_a_deletion_and_an_addition(tmp_path: Path) -> None:
    content = b"the same, long enough to be taken for a renaming" * 10
    repository = make_repository(
        tmp_path, [Commit({"old": content}), Commit({"old": None, "new": content})]
    )

    assert told(repository)[1:] == [("A", "new"), ("D", "old")]


def test_merge_counts_by_its_first_parent(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path,
        [
            Commit({"a": b"1", "b": b"1"}),
            Commit({"a": b"2"}),  # on the main line
            Commit({"b": b"2", "c": b"2"}, parents=(0,)),  # beside it
            Commit({"c": b"3"}, parents=(2,)),
            Commit({"b": b"2", "c": b"3"}, parents=(1, 3)),
        ],
    )

    history = changes(repository)

    merge = git(repository, "rev-parse", "HEAD").strip()
    assert told(repository) == [("A", "a"), ("A", "b"), ("M", "a"), ("M", "b"), ("A", "c")]
    assert [change.commit for change in history[3:]] == [merge, merge]
    assert replayed(history) == set(tree(repository))


@pytest.mark.parametrize(
    "path",
    [
        "with blank",
        "tab\tin it",
        "line\nbreak",
        'quo"te and back\\slash',
        ":starts/with a colon",
        "ünï/çödé/文件.txt",
        "\x01control",
        "100644 blob",
        "-option",
    ],
)
def test_odd_paths_are_told_as_they_are(tmp_path: Path, path: str) -> None:
    repository = make_repository(
        tmp_path,
        [Commit({path: b"1", "z": b"1"}), Commit({path: b"2"}), Commit({path: None}),
         Commit({path: b"3"})],
    )  # fmt: skip

    happened = [kind for kind, changed in told(repository) if changed == path]

    assert happened == ["A", "M", "D", "A"]
    assert {file.path for file in tree(repository)} == {path, "z"}


def test_path_that_is_no_text_is_told_in_escapes(tmp_path: Path) -> None:
    repository = make_repository(tmp_path, [Commit({b"latin-\xe9": b"1"})])

    assert told(repository) == [("A", "latin-\\xe9")]
    assert [file.path for file in tree(repository)] == ["latin-\\xe9"]


def test_change_of_mode_or_type_is_a_modification(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path,
        [
            Commit({"a": b"target"}),
            Commit({"a": (PROGRAM, b"target")}),
            Commit({"a": (LINK, b"target")}),
        ],
    )

    history = changes(repository)

    assert told(repository) == [("A", "a"), ("M", "a"), ("M", "a")]
    assert [change.file.mode for change in history] == ["100644", PROGRAM, LINK]
    assert replayed(history) == set(tree(repository))


def test_file_that_becomes_a_folder_is_deleted(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path, [Commit({"a": b"1"}), Commit({"a": None, "a/b": b"1"}), Commit({"a": b"2"})]
    )

    assert replayed(changes(repository)) == set(tree(repository))
    assert sorted(told(repository)[1:3]) == [("A", "a/b"), ("D", "a")]


def test_submodule_has_no_size(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path, [Commit({"lib/module": (SUBMODULE, SOME_COMMIT.encode())})]
    )

    (change,) = changes(repository)

    assert change.file == File("lib/module", SUBMODULE, SOME_COMMIT, 0)
    assert tree(repository) == [change.file]


def test_submodule_at_a_commit_of_the_repository_itself_has_no_size(tmp_path: Path) -> None:
    make_repository(tmp_path, [Commit({"a": b"1"})])
    own = git(tmp_path, "rev-parse", "HEAD").strip().encode()

    make_repository(tmp_path, [Commit({"a": b"1"}), Commit({"m": (SUBMODULE, own)})])

    assert [change.file.size for change in changes(tmp_path)] == [1, 0]


def test_path_longer_than_a_sort_key_is_left_out(tmp_path: Path) -> None:
    fits = "é" * (sort_key_bytes_max // 2)
    repository = make_repository(tmp_path, [Commit({fits: b"1", fits + "x": b"1"})])

    assert told(repository) == [("A", fits)]
    assert [file.path for file in tree(repository)] == [fits]


def test_commit_without_changes_is_passed(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path, [Commit({}), Commit({"a": b"1"}), Commit({}), Commit({"b": b"1"})]
    )

    assert told(repository) == [("A", "a"), ("A", "b")]


def test_empty_file_has_no_bytes(tmp_path: Path) -> None:
    repository = make_repository(tmp_path, [Commit({"a": b""})])

    assert changes(repository)[0].file.size == tree(repository)[0].size == 0


def test_tree_without_files_is_empty(tmp_path: Path) -> None:
    repository = make_repository(tmp_path, [Commit({"a": b"1"}), Commit({"a": None})])

    assert tree(repository) == []
    assert replayed(changes(repository)) == set()


@pytest.mark.parametrize(
    ("path", "folder", "extension"),
    [
        ("README", ".", ""),
        ("README.md", ".", "md"),
        ("src/a/b.PY", "src", "py"),
        ("src.d/file", "src.d", ""),
        (".gitignore", ".", ""),
        ("a.tar.gz", ".", "gz"),
        ("docs/end.", "docs", ""),
    ],
)
def test_file_has_a_top_level_folder_and_an_extension(
    path: str, folder: str, extension: str
) -> None:
    file = File(path, "100644", "0", 0)

    assert (file.folder, file.extension) == (folder, extension)


def test_settings_of_the_reader_do_not_matter(tmp_path: Path) -> None:
    repository = make_repository(
        tmp_path, [Commit({"old": b"x" * 200}), Commit({"old": None, "new": b"x" * 200})]
    )
    expected = told(repository)

    for name, value in [
        ("diff.renames", "copies"),
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("log.decorate", "full"),
        ("core.quotePath", "true"),
        ("color.ui", "always"),
        ("diff.noprefix", "true"),
        ("log.date", "relative"),
        ("diff.submodule", "log"),
        ("core.abbrev", "7"),
    ]:
        git(repository, "config", name, value)

    assert told(repository) == expected


def test_folder_without_a_repository_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(HistoryUnreadable, match="git cannot read"):
        changes(tmp_path / "absent")


def test_repository_without_a_commit_is_unreadable(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main")

    with pytest.raises(HistoryUnreadable, match="git cannot read"):
        changes(tmp_path)
