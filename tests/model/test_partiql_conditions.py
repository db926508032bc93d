"""WHERE against the plain model of conditions: literals and parameters, and tests of its own."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.expressions import condition
from headwater.expressions.partiql import parser
from headwater.expressions.partiql.literals import Values
from headwater.expressions.partiql.syntax import Select
from headwater.values import item
from tests.model.test_expressions import Writer, atoms, holds, items, left_paths

EXAMPLES = settings().max_examples

# What PartiQL says otherwise.
SPELLINGS = {"attribute_exists": "IS NOT MISSING", "attribute_not_exists": "IS MISSING"}


def spelled(atom: tuple[Any, ...]) -> tuple[Any, ...]:
    """An atom of the classic conditions as PartiQL says it."""
    return (SPELLINGS.get(atom[0], atom[0]), *atom[1:])


leaves: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    atoms.map(spelled),
    st.tuples(st.sampled_from(["IS NULL", "IS NOT NULL"]), left_paths),
)
trees: st.SearchStrategy[tuple[Any, ...]] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or"]), inner, inner),
    ),
    max_leaves=6,
)


class Constants:
    """Writes values as literals or as parameters, one after the other as the bits of a number."""

    def __init__(self, choices: int) -> None:
        self.parameters: list[dict[str, Any]] = []
        self._choices = choices

    def write(self, value: dict[str, Any]) -> str:
        is_parameter, self._choices = self._choices & 1, self._choices >> 1
        literal = None if is_parameter else literal_of(value)
        if literal is not None:
            return literal
        self.parameters.append(value)
        return "?"


def literal_of(value: dict[str, Any]) -> str | None:
    """A value as a literal; None where there is none, as of binaries."""
    ((kind, inner),) = value.items()
    match kind:
        case "S":
            return "'" + str(inner).replace("'", "''") + "'"
        case "N":
            return str(inner)
        case "BOOL":
            return str(inner).upper()
        case "NULL":
            return "NULL"
        case "SS" | "NS":
            members = [literal_of({kind[0]: member}) for member in inner]
            return f"<<{', '.join(map(str, members))}>>"
        case "L":
            elements = [literal_of(element) for element in inner]
            return None if None in elements else f"[{', '.join(map(str, elements))}]"
        case "M":
            members = [literal_of(member) for member in inner.values()]
            pairs = (f"'{name}': {member}" for name, member in zip(inner, members, strict=True))
            return None if None in members else f"{{{', '.join(pairs)}}}"
    return None


@settings(max_examples=10 * EXAMPLES)
@given(items, trees, st.integers(0, 2**12))
def test_where_says_of_an_item_what_the_model_says(
    found: dict[str, Any], tree: tuple[Any, ...], choices: int
) -> None:
    check_where(found, tree, choices)


def check_where(found: dict[str, Any], tree: tuple[Any, ...], choices: int) -> None:
    constants = Constants(choices)
    text = f"SELECT * FROM t WHERE {Writer(constants.write).write(tree)}"

    statement = parser.parse(text)
    assert isinstance(statement.body, Select)
    assert statement.body.where is not None
    values = Values(statement, constants.parameters)
    asked = condition.bind(statement.body.where, values, "FilterExpression")

    assert asked.matches(item.normalise(found)[0]) == holds(tree, found), text
