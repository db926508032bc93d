"""The tree keeps its own rules: sizes, clock and chance, layout, words, and docs in step.

Every rule is a pure function of file texts (tests/tidy). The first half holds the tree to them; the
second plants one violation for each, so that no rule can pass by never finding anything.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence

import click
import pytest

from tests.tidy import determinism, documents, layout, sizes, words
from tests.tidy.files import ROOT, File, files_of_tree

RULES: list[Callable[[Sequence[File]], list[str]]] = [
    sizes.long_modules,
    sizes.long_functions,
    determinism.uncommanded_time_and_chance,
    determinism.sleeping_tests,
    layout.undocumented_modules,
    layout.unlisted_files,
    layout.dead_modules,
    words.unfinished_work,
    words.machine_paths,
    words.workshop_words,
]
rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)


@pytest.fixture(scope="module")
def tree():
    return files_of_tree()


@pytest.fixture(scope="module")
def reference(tree):
    prefix = "docs/reference/"
    return {file.path.removeprefix(prefix): file for file in tree if file.path.startswith(prefix)}


def none(findings: Sequence[str]) -> None:
    """Fail with one finding to a line."""
    if findings:
        pytest.fail("\n".join(findings), pytrace=False)


@rules
def test_tree_keeps_the_rule(rule, tree):
    none(rule(tree))


def test_every_package_has_a_floor(tree):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]

    none(layout.packages_without_floor(tree, contract["layers"]))


def test_every_error_is_documented(tree, reference):
    errors = next(file for file in tree if file.path == "src/headwater/errors.py")

    none(documents.undocumented(documents.error_codes(errors), reference["errors.md"]))


def test_every_operation_is_documented(tree, reference):
    page = reference["operations.md"]

    none(documents.undocumented(documents.operations(tree), page))


def test_every_command_and_option_is_documented(reference):
    from headwater.cli import main

    commands = documents.command_options(main)

    none(documents.undocumented_commands(commands, reference["cli.md"]))


def test_every_setting_is_documented(tree, reference):
    config = next(file for file in tree if file.path == "src/headwater/config.py")

    none(documents.undocumented(documents.settings(config), reference["configuration.md"]))


def source(text: str, path: str = "src/headwater/planted.py") -> File:
    return File(path, text)


def package(docstring: str, path: str = "src/headwater/__init__.py") -> File:
    return File(path, f'"""{docstring}"""\n')


LONG_FUNCTION = "def read():\n" + "    pass\n" * sizes.FUNCTION_LINES_MAX
CLOCK_TEXT = '"""The clock."""\nimport time\nnow = time.time()\n'
NAP = "import asyncio\nasync def test_waits():\n    await asyncio.sleep({})\n"


@pytest.mark.parametrize(
    ("rule", "planted"),
    [
        (sizes.long_modules, source("\n" * (sizes.MODULE_LINES_MAX + 1))),
        (sizes.long_modules, source("\n" * (sizes.MODULE_LINES_MAX + 1), "tests/unit/test_x.py")),
        (sizes.long_functions, source(LONG_FUNCTION)),
        (sizes.long_functions, source("async " + LONG_FUNCTION)),
        (determinism.uncommanded_time_and_chance, source("import time\nt = time.time()")),
        (determinism.uncommanded_time_and_chance, source("from time import monotonic as m\nm()")),
        (
            determinism.uncommanded_time_and_chance,
            source("import datetime as dt\ndt.datetime.utcnow()"),
        ),
        (
            determinism.uncommanded_time_and_chance,
            source("from datetime import datetime\ndatetime.now()"),
        ),
        (determinism.uncommanded_time_and_chance, source("import random\nrandom.choice([1])")),
        (determinism.uncommanded_time_and_chance, source("from random import choice\nchoice([1])")),
        (determinism.uncommanded_time_and_chance, source("import uuid\nread = uuid.uuid4")),
        (determinism.uncommanded_time_and_chance, source("import os\nos.urandom(8)")),
        (determinism.uncommanded_time_and_chance, source("import secrets\nsecrets.token_hex()")),
        (determinism.sleeping_tests, source(NAP.format(0.5), "tests/unit/test_x.py")),
        (
            determinism.sleeping_tests,
            source("from time import sleep\nsleep(1)", "tests/unit/test_x.py"),
        ),
        (layout.undocumented_modules, source("x = 1\n")),
        (words.unfinished_work, source("# TODO: later\n")),
        (words.unfinished_work, source("# FIXME(#3) now\n")),
        (words.machine_paths, source("See /work/main/notes.\n", "docs/index.md")),
        (words.machine_paths, source('data = "/root/data"\n')),
        (words.machine_paths, source("path: /home/someone\n", "docs/index.md")),
        (words.workshop_words, source("# written by an agent\n")),
        (words.workshop_words, source("# session id 12\n")),
    ],
)
def test_planted_violation_is_found(rule, planted):
    findings = rule([planted])

    assert len(findings) == 1
    assert planted.path in findings[0]


@pytest.mark.parametrize(
    ("rule", "allowed"),
    [
        (sizes.long_modules, source('"""Generated by tools/x.py."""\n' + "\n" * 600)),
        (sizes.long_functions, source("# @generated\n" + LONG_FUNCTION)),
        (determinism.uncommanded_time_and_chance, source(CLOCK_TEXT, determinism.CLOCK)),
        (determinism.uncommanded_time_and_chance, source("clock.time()\nself.random.choice()")),
        (determinism.sleeping_tests, source(NAP.format(0), "tests/unit/test_x.py")),
        (words.unfinished_work, source("# TODO(#12): merge shards\n")),
        (words.machine_paths, source("repos/work/x and ~/work/x and ./home/x\n")),
        (
            words.workshop_words,
            source("# the User-Agent header, a user agent, the reserved word AGENT\n"),
        ),
    ],
)
def test_what_the_rule_allows_is_not_found(rule, allowed):
    assert rule([allowed]) == []


def test_file_missing_from_its_package_docstring_is_found():
    tree = [package("Words.\n\narn.py   names"), source(""), source("", "src/headwater/arn.py")]

    findings = layout.unlisted_files(tree)

    assert findings == ["src/headwater/planted.py is not listed in the docstring of headwater"]


def test_module_reached_only_by_its_unit_test_is_dead():
    planted = source('"""Nobody calls."""\n')
    unit_test = source("import headwater.planted\n", "tests/unit/test_planted.py")

    findings = layout.dead_modules([package("x"), planted, unit_test])

    assert any(finding.startswith("src/headwater/planted.py") for finding in findings)


@pytest.mark.parametrize(
    "command",
    [
        "from headwater import planted",
        "from headwater.planted import x",
        "from . import planted",
        "def run():\n    import headwater.planted",
        "spawn('headwater.planted')",
        "path = 'planted.py'",
    ],
)
def test_module_reached_from_a_command_is_alive(command):
    tree = [package("x"), source("x = 1"), source(command, "src/headwater/cli.py")]

    assert layout.dead_modules(tree) == []


def test_module_that_a_docstring_mentions_is_still_dead():
    command = source('"""Unlike planted.py."""\n', "src/headwater/cli.py")

    findings = layout.dead_modules([package("x"), source("x = 1"), command])

    assert any(finding.startswith("src/headwater/planted.py") for finding in findings)


def test_package_outside_the_import_contract_is_found():
    planted = package("New.", "src/headwater/newcomer/__init__.py")

    findings = layout.packages_without_floor([planted], ["api", "functions | auth"])

    assert findings == ["headwater.newcomer has no floor in the import contract"]


def test_optional_layer_that_exists_is_found():
    findings = layout.packages_without_floor([package("x", "src/headwater/api.py")], ["(api)"])

    assert findings == ["headwater.api exists: take the parentheses off its layer"]


def test_undocumented_error_is_found():
    errors = source("class ServiceError(Exception): ...\nclass Lost(ServiceError): ...\n")
    page = source("`Found` is another error\n", "docs/reference/errors.md")

    findings = documents.undocumented(documents.error_codes(errors), page)

    assert findings == ["docs/reference/errors.md does not document `Lost`"]


def test_undocumented_operation_is_found():
    text = "class A:\n    def handlers(self):\n        return {('dynamodb', 'GetItem'): 1}\n"
    page = source("`PutItem`\n", "docs/reference/operations.md")

    offered = documents.operations([source(text, "src/headwater/api/planted.py")])

    findings = documents.undocumented(offered, page)
    assert findings == ["docs/reference/operations.md does not document `GetItem`"]


def test_code_that_differs_from_its_class_is_the_one_documented():
    errors = source("class Lost(E):\n    def code(self):\n        return 'NotFound'\n")

    assert documents.error_codes(errors) == ["NotFound"]


def test_undocumented_option_is_found():
    option = click.Option(["-p", "--port"])
    group = click.Group(commands={"serve": click.Command("serve", params=[option])})
    page = source("# `headwater`\n\n## `headwater serve`\n`--ports`\n", "docs/reference/cli.md")

    findings = documents.undocumented_commands(documents.command_options(group), page)

    assert findings == ["docs/reference/cli.md does not document --port of `headwater serve`"]


def test_undocumented_command_is_found():
    group = click.Group(commands={"serve": click.Command("serve")})
    page = source("# `headwater`\n", "docs/reference/cli.md")

    findings = documents.undocumented_commands(documents.command_options(group), page)

    assert findings == ["docs/reference/cli.md has no heading `headwater serve`"]


def test_undocumented_setting_is_found():
    config = source("class Settings:\n    port: int = 8000\n    host: str\n")
    page = source("`host` is where\n", "docs/reference/configuration.md")

    findings = documents.undocumented(documents.settings(config), page)

    assert findings == ["docs/reference/configuration.md does not document `port`"]
