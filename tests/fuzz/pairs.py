"""`python -m tests.fuzz.pairs --pairs 100000`: expressions and items, engine against plain models.

The models and what is compared are those of `tests/model`, where hypothesis draws a few hundred
pairs and makes small what fails. Here a seed draws them, a hundred times quicker.
"""

from __future__ import annotations

import sys
import time
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal
from random import Random, SystemRandom
from typing import Any, Final

import click

from tests.model import test_expressions as conditions
from tests.model import test_key_conditions as key_conditions
from tests.model import test_legacy as legacy
from tests.model import test_partiql_conditions as partiql
from tests.model import test_projections as projections
from tests.model import test_update_expressions as updates

Value = dict[str, Any]
Tree = tuple[Any, ...]

_POOLS: Final[dict[str, list[str]]] = {
    "S": ["", "a", "ab", "b", "é", "\U00010000", "\uffff"],
    "N": ["0", "-0.0", "1", "1.0", "10", "9", "-1", "-10", "0.5", "5e-1", "1e2"],
    "B": [b64encode(raw).decode() for raw in (b"", b"\x00", b"\x01", b"\x01\x02", b"\xff")],
}
_TYPES: Final = ("S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL")
_STEPS: Final = ("k", "m", 0, 1, 2, 7)


def ordered(chance: Random, kinds: str = "SNB") -> Value:
    kind = chance.choice(kinds)
    return {kind: chance.choice(_POOLS[kind])}


def members(chance: Random) -> Value:
    """A set."""
    kind = chance.choice("SNB")
    found = {Decimal(text) if kind == "N" else text: text for text in _POOLS[kind]}
    return {f"{kind}S": chance.sample(list(found.values()), chance.randint(1, 3))}


def value(chance: Random, depth: int = 0) -> Value:
    match chance.randrange(7 if depth < 3 else 5):
        case 0 | 1:
            return ordered(chance)
        case 2:
            return members(chance)
        case 3:
            return {"BOOL": True}
        case 4:
            return {"NULL": True}
        case 5:
            return {"L": [value(chance, depth + 1) for _ in range(chance.randrange(4))]}
        case _:
            names = chance.sample("km", chance.randrange(3))
            return {"M": {name: value(chance, depth + 1) for name in names}}


def item(chance: Random) -> dict[str, Value]:
    names = chance.sample("abcd", chance.randint(2, 4))
    return {name: chance.choice((ordered, value))(chance) for name in names}


def path(chance: Random, names: str) -> str:
    steps = chance.choices((".k", ".m", "[0]", "[1]"), k=chance.choice((0, 0, 0, 1, 2)))
    return chance.choice(names) + "".join(steps)


def atom(chance: Random) -> Tree:
    """Left and right never share a path: that is refused, as constants of wrong types are."""
    left = ("path", path(chance, "ab"))
    operand = ("size", left) if chance.randrange(4) == 0 else left
    right = ("path", path(chance, "cd"))
    other = ("value", ordered(chance)) if chance.randrange(2) else right
    match chance.randrange(9):
        case 0:
            return (chance.choice(("=", "<>")), operand, ("value", value(chance)))
        case 1:
            return ("between", operand, *conditions.bounds(ordered(chance), ordered(chance)))
        case 2:
            return ("between", operand, right, ("value", ordered(chance)))
        case 3:
            found = [
                ("value", value(chance)) if chance.randrange(3) else ("path", path(chance, "cd"))
                for _ in range(chance.randint(1, 3))
            ]
            return ("in", operand, *found)
        case 4:
            return (chance.choice(("attribute_exists", "attribute_not_exists")), left)
        case 5:
            return ("attribute_type", left, ("value", {"S": chance.choice(_TYPES)}))
        case 6:
            begun = ("value", ordered(chance, "SB")) if chance.randrange(2) else right
            return ("begins_with", left, begun)
        case 7:
            held = ("value", value(chance)) if chance.randrange(2) else right
            return ("contains", left, held)
        case _:
            return (chance.choice(("=", "<>", "<", "<=", ">", ">=")), operand, other)


def tree(chance: Random, leaf: Callable[[Random], Tree], depth: int = 0) -> Tree:
    match chance.randrange(6) if depth < 3 else 5:
        case 0:
            return ("not", tree(chance, leaf, depth + 1))
        case 1 | 2:
            kind = chance.choice(("and", "or"))
            return (kind, tree(chance, leaf, depth + 1), tree(chance, leaf, depth + 1))
        case _:
            return leaf(chance)


def partiql_atom(chance: Random) -> Tree:
    if chance.randrange(8) == 0:
        return (chance.choice(("IS NULL", "IS NOT NULL")), ("path", path(chance, "ab")))
    return partiql.spelled(atom(chance))


def comparison(chance: Random, *, of_key: bool) -> Value:
    """A legacy comparison."""
    kind = chance.choice("SNB")
    operators = ("EQ", "LE", "LT", "GE", "GT", "BEGINS_WITH", "BETWEEN")
    more = ("NE", "CONTAINS", "NOT_CONTAINS", "NULL", "NOT_NULL", "IN")
    operator = chance.choice(operators if of_key else operators + more)
    arguments = [ordered(chance)]
    match operator:
        case "EQ" | "NE" if not of_key:
            arguments = [value(chance)]
        case "BEGINS_WITH":
            arguments = [ordered(chance, "SB")]
        case "BETWEEN":
            arguments = [ordered(chance, kind), ordered(chance, kind)]
        case "IN":
            arguments = [ordered(chance, kind) for _ in range(chance.randint(1, 3))]
        case "NULL" | "NOT_NULL":
            arguments = []
    return legacy.comparison(operator, *arguments)


def change(chance: Random) -> Value:
    """A legacy change of an attribute."""
    match chance.randrange(5):
        case 0:
            return {"Value": value(chance)}
        case 1:
            return {"Action": "DELETE"}
        case 2:
            return {"Action": "DELETE", "Value": members(chance)}
        case 3:
            return {"Action": "ADD", "Value": {"L": [value(chance, 3)]}}
        case _:
            added = members(chance) if chance.randrange(2) else ordered(chance, "N")
            return {"Action": "ADD", "Value": added}


def named(chance: Random, made: Callable[[Random], Value], names: tuple[str, ...]) -> Value:
    count = chance.randint(1, len(names) - 1)
    return {name: made(chance) for name in chance.sample(names, count)}


def place(chance: Random) -> updates.Path:
    """A path in an update; some lead beyond a list's end."""
    steps = chance.choices(("k", "m", 0, 1, 5, 6), k=chance.choice((0, 0, 0, 1, 2)))
    return (chance.choice("abcd"), *steps)


def operand(chance: Random) -> Tree:
    read = ("path", place(chance)) if chance.randrange(2) else ("value", value(chance))
    return ("if_not_exists", place(chance), read) if chance.randrange(3) == 0 else read


def source(chance: Random) -> Tree:
    number = ("value", ordered(chance, "N"))
    some = ("value", {"L": [value(chance, 3) for _ in range(chance.randrange(3))]})
    match chance.randrange(6):
        case 0:
            return (chance.choice("+-"), operand(chance), number)
        case 1:
            return (chance.choice("+-"), number, operand(chance))
        case 2:
            return ("list_append", operand(chance), some)
        case 3:
            return ("list_append", some, operand(chance))
        case _:
            return operand(chance)


def action(chance: Random) -> tuple[str, updates.Path, Any]:
    match chance.randrange(7):
        case 0 | 1 | 2:
            return ("SET", place(chance), source(chance))
        case 3:
            return ("REMOVE", place(chance), None)
        case 4:
            added = members(chance) if chance.randrange(2) else ordered(chance, "N")
            return ("ADD", place(chance), ("value", added))
        case 5:
            return ("DELETE", place(chance), ("value", members(chance)))
        case _:
            return (chance.choice(("ADD", "DELETE")), place(chance), ("value", value(chance)))


def check_update(chance: Random) -> None:
    """Mostly actions apart from one another, since others are refused."""
    chosen = [action(chance) for _ in range(chance.randint(1, 4))]
    if chance.randrange(3):
        chosen = list({each[1][:2]: each for each in chosen}.values())
    listed = {"L": [value(chance), value(chance)]}
    old = chance.choice((None, item(chance), {**item(chance), "a": listed}))
    updates.check_update(old, chosen)


def query(chance: Random) -> tuple[str, tuple[str, ...] | None]:
    kind = chance.choice("SNB")
    texts = key_conditions.ASKED[kind]
    match chance.randrange(4):
        case 0:
            return kind, ("BETWEEN", chance.choice(texts), chance.choice(texts))
        case 1:
            return kind, ("begins_with", chance.choice(texts))
        case _:
            return kind, (chance.choice(key_conditions.OPERATORS), chance.choice(texts))


def paths(chance: Random) -> list[projections.Path]:
    names = ("a", "b", "c", "d", "absent")
    return [
        (chance.choice(names), *chance.choices(_STEPS, k=chance.randrange(4)))
        for _ in range(chance.randint(1, 4))
    ]


_ATTRIBUTES: Final = ("a", "b", "c", "d", "absent")
CHECKS: Final[dict[str, Callable[[Random], None]]] = {
    "conditions": lambda chance: conditions.check_condition(item(chance), tree(chance, atom)),
    "updates": check_update,
    "projections": lambda chance: projections.check_projection(
        item(chance), paths(chance), is_aliased=bool(chance.randrange(2))
    ),
    "PartiQL conditions": lambda chance: partiql.check_where(
        item(chance), tree(chance, partiql_atom), chance.getrandbits(12)
    ),
    "legacy conditions": lambda chance: legacy.check_condition(
        item(chance),
        named(chance, lambda each: comparison(each, of_key=False), _ATTRIBUTES),
        chance.choice((None, "AND", "OR")),
    ),
    "legacy updates": lambda chance: legacy.check_updates(
        chance.choice((None, item(chance))), named(chance, change, _ATTRIBUTES)
    ),
    "legacy key conditions": lambda chance: legacy.check_keys(
        named(chance, lambda each: comparison(each, of_key=True), ("a", "b", "c"))
    ),
}


@click.command()
@click.option("--pairs", default=100_000, show_default=True, help="How many of each kind.")
@click.option("--seed", type=int, help="Repeat a run.  [default: a new one]")
def main(pairs: int, seed: int | None) -> None:
    """Put expressions to the engine and to plain models, which must say the same of every item."""
    seed = SystemRandom().randrange(10**9) if seed is None else seed
    click.echo(f"seed {seed}")
    with key_conditions.filled_store() as store:

        def check_query(chance: Random) -> None:
            limit = chance.choice((None, 1, 3))
            options = {"ScanIndexForward": bool(chance.randrange(2)), "Limit": limit}
            form = chance.choice(key_conditions.FORMS)
            key_conditions.check_query(store, query(chance), form, options)

        for name, check in {**CHECKS, "key conditions": check_query}.items():
            begun, chance = time.process_time(), Random(f"{seed} {name}")
            for _ in range(pairs):
                check(chance)
            click.echo(f"{pairs} pairs of {name}: {time.process_time() - begun:.0f} s of CPU")


if __name__ == "__main__":
    sys.exit(main())
