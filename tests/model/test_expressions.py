"""Expressions against plain models.

Conditions: random trees over random items, once through the text and the engine, once through an
evaluator that reads Python values and is as slow and plain as it can be. Updates: whatever is
applied, what comes out is canonical and what went in is untouched.
"""

import contextlib
import copy
from base64 import b64decode, b64encode
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import ServiceError, ValidationException
from headwater.expressions import condition, key_condition, projection, update
from headwater.expressions.bind import Placeholders
from headwater.values import codec, item

EXAMPLES = settings().max_examples  # of the profile; these are cheap, so each test takes many

# --- values: few of each, so that comparisons often hold

strings = st.sampled_from(["", "a", "ab", "b", "é", "\U00010000", "\uffff"])
numbers = st.sampled_from(["0", "-0.0", "1", "1.0", "10", "9", "-1", "-10", "0.5", "5e-1", "1e2"])
binaries = st.sampled_from([b"", b"\x00", b"\x01", b"\x01\x02", b"\xff"]).map(
    lambda raw: b64encode(raw).decode()
)
ordered = st.one_of(
    st.builds(lambda text: {"S": text}, strings),
    st.builds(lambda text: {"N": text}, numbers),
    st.builds(lambda text: {"B": text}, binaries),
)
sets = st.one_of(
    st.builds(lambda all_: {"SS": all_}, st.lists(strings, min_size=1, max_size=3, unique=True)),
    st.builds(
        lambda all_: {"NS": all_},
        st.lists(numbers, min_size=1, max_size=3, unique_by=lambda text: Decimal(text)),
    ),
    st.builds(lambda all_: {"BS": all_}, st.lists(binaries, min_size=1, max_size=3, unique=True)),
)
scalars = st.one_of(ordered, sets, st.just({"BOOL": True}), st.just({"NULL": True}))
values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda elements: {"L": elements}, st.lists(inner, max_size=3)),
        st.builds(
            lambda members: {"M": members},
            st.dictionaries(st.sampled_from(["k", "m"]), inner, max_size=2),
        ),
    ),
    max_leaves=4,
)
items = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]), st.one_of(ordered, values), min_size=2, max_size=4
)


def plain(value: dict[str, Any]) -> tuple[str, Any]:
    """A value as Python compares it: its type and what it holds."""
    ((kind, inner),) = value.items()
    if kind == "N":
        return kind, Decimal(inner)
    if kind == "B":
        return kind, b64decode(inner)
    if kind in ("SS", "NS", "BS"):
        return kind, frozenset(plain({kind[0]: member}) for member in inner)
    if kind == "L":
        return kind, [plain(element) for element in inner]
    if kind == "M":
        return kind, {name: plain(member) for name, member in inner.items()}
    return kind, inner


# --- condition trees: tuples, the operator first. Left and right sides never share a path, since
# DynamoDB refuses that, and constants have types the operator takes.

steps = st.one_of(
    st.just(""),
    st.just(""),
    st.lists(st.sampled_from([".k", ".m", "[0]", "[1]"]), max_size=2).map("".join),
)
left_paths = st.builds(lambda name, rest: ("path", name + rest), st.sampled_from("ab"), steps)
right_paths = st.builds(lambda name, rest: ("path", name + rest), st.sampled_from("cd"), steps)


def constants(of: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.builds(lambda value: ("value", value), of)


lefts = st.one_of(left_paths, left_paths, st.builds(lambda path: ("size", path), left_paths))
rights = st.one_of(constants(ordered), right_paths)
operators = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
types = st.sampled_from(["S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL"])


def bounds(a: dict[str, Any], b: dict[str, Any]) -> tuple[Any, ...]:
    """Two constants as BETWEEN takes them: of one type, the lower first."""
    if a.keys() != b.keys():
        return (("value", a), ("value", a))
    low, high = sorted((a, b), key=lambda value: in_order(plain(value)[1]))
    return (("value", low), ("value", high))


atoms: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(operators, lefts, rights),
    st.tuples(st.sampled_from(["=", "<>"]), lefts, constants(values)),
    st.builds(
        lambda operand, pair: ("between", operand, *pair),
        lefts,
        st.builds(bounds, ordered, ordered),
    ),
    st.tuples(st.just("between"), lefts, right_paths, constants(ordered)),
    st.builds(
        lambda operand, candidates: ("in", operand, *candidates),
        lefts,
        st.lists(st.one_of(constants(values), right_paths), min_size=1, max_size=3),
    ),
    st.tuples(st.sampled_from(["attribute_exists", "attribute_not_exists"]), left_paths),
    st.tuples(
        st.just("attribute_type"),
        left_paths,
        constants(st.builds(lambda name: {"S": name}, types)),
    ),
    st.tuples(
        st.just("begins_with"),
        left_paths,
        st.one_of(constants(ordered.filter(lambda value: "N" not in value)), right_paths),
    ),
    st.tuples(st.just("contains"), left_paths, st.one_of(constants(values), right_paths)),
)
conditions: st.SearchStrategy[tuple[Any, ...]] = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
    ),
    max_leaves=6,
)
BINDING = {"or": 0, "and": 1, "not": 2}


class Writer:
    """Writes a tree as an expression with no more parentheses than it needs.

    constant: writes a value; as a placeholder unless another way is given.
    """

    def __init__(self, constant: Callable[[dict[str, Any]], str] | None = None) -> None:
        self.values: dict[str, Any] = {}
        self._constant = constant or self._placeholder

    def write(self, tree: tuple[Any, ...], around: int = 0) -> str:
        kind, *rest = tree
        if kind not in BINDING:
            return self.atom(kind, rest)
        binding = BINDING[kind]
        if kind == "not":
            text = f"NOT {self.write(rest[0], binding)}"
        else:
            text = f" {kind.upper()} ".join(self.write(each, binding) for each in rest)
        return f"({text})" if binding < around else text

    def atom(self, kind: str, operands: list[Any]) -> str:
        texts = [self.operand(operand) for operand in operands]
        if kind == "between":
            return f"{texts[0]} BETWEEN {texts[1]} AND {texts[2]}"
        if kind == "in":
            return f"{texts[0]} IN ({', '.join(texts[1:])})"
        if kind[0] in "=<>":
            return f"{texts[0]} {kind} {texts[1]}"
        if kind.startswith("IS "):
            return f"{texts[0]} {kind}"
        return f"{kind}({', '.join(texts)})"

    def operand(self, operand: tuple[Any, ...]) -> str:
        kind, inner = operand
        if kind == "value":
            return self._constant(inner)
        return f"size({inner[1]})" if kind == "size" else str(inner)

    def _placeholder(self, value: dict[str, Any]) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder


# --- the model


def in_order(held: Any) -> Any:
    return held.encode() if isinstance(held, str) else held


def looked_up(path: str, found: dict[str, Any]) -> dict[str, Any] | None:
    value: Any = {"M": found}
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            elements = value.get("L", [])
            index = int(step.strip("[]"))
            value = elements[index] if index < len(elements) else None
        else:
            value = value.get("M", {}).get(step)
        if value is None:
            return None
    return dict(value)


def read(operand: tuple[Any, ...], found: dict[str, Any]) -> tuple[str, Any] | None:
    kind, inner = operand
    if kind == "value":
        return plain(inner)
    value = looked_up(inner[1] if kind == "size" else inner, found)
    if value is None:
        return None
    if kind == "path":
        return plain(value)
    type_, held = plain(value)
    return ("N", Decimal(len(held))) if type_ not in ("N", "BOOL", "NULL") else None


def compared(operator: str, a: tuple[str, Any] | None, b: tuple[str, Any] | None) -> bool:
    if a is None or b is None:
        return False
    if a[0] != b[0] or a[0] not in ("S", "N", "B"):
        return False
    left, right = in_order(a[1]), in_order(b[1])
    return bool(
        {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator]
    )


def holds(tree: tuple[Any, ...], found: dict[str, Any]) -> bool:
    kind, *rest = tree
    if kind == "not":
        return not holds(rest[0], found)
    if kind == "and":
        return holds(rest[0], found) and holds(rest[1], found)
    if kind == "or":
        return holds(rest[0], found) or holds(rest[1], found)
    held = [read(operand, found) for operand in rest]
    if kind == "=":
        return held[0] is not None and held[0] == held[1]
    if kind == "<>":
        unmeasured = rest[0][0] == "size" and held[0] is None
        return not unmeasured and (held[0] is None or held[0] != held[1])
    if kind == "between":
        return compared(">=", held[0], held[1]) and compared("<=", held[0], held[2])
    if kind == "in":
        return held[0] is not None and held[0] in held[1:]
    if kind in ("attribute_exists", "IS NOT MISSING"):
        return held[0] is not None
    if kind in ("attribute_not_exists", "IS MISSING"):
        return held[0] is None
    if kind.startswith("IS "):
        return bool((held[0] == ("NULL", True)) == (kind == "IS NULL"))
    if kind in ("<", "<=", ">", ">="):
        return compared(kind, held[0], held[1])
    return of_two(kind, held[0], held[1])


def of_two(kind: str, a: tuple[str, Any] | None, b: tuple[str, Any] | None) -> bool:
    if a is None or b is None:
        return False
    if kind == "attribute_type":
        return bool(a[0] == b[1])
    if kind == "begins_with":
        return a[0] == b[0] and a[0] in ("S", "B") and a[1].startswith(b[1])
    if a[0] in ("L", "SS", "NS", "BS"):
        return b in list(a[1])
    return a[0] == b[0] and a[0] in ("S", "B") and b[1] in a[1]


@settings(max_examples=10 * EXAMPLES)
@given(items, conditions)
def test_a_condition_says_of_an_item_what_the_model_says(found, tree):
    check_condition(found, tree)


def check_condition(found: dict[str, Any], tree: tuple[Any, ...]) -> None:
    writer = Writer()
    text = writer.write(tree)
    placeholders = Placeholders(None, writer.values or None)

    asked = condition.parse(text, placeholders)

    assert asked.matches(item.normalise(found)[0]) == holds(tree, found), text
    placeholders.check_all_used()


# --- updates

targets = st.builds(lambda name, rest: name + rest, st.sampled_from("abcd"), steps)
sources = st.one_of(
    targets,
    st.just(":v"),
    st.just(":n + :n"),
    st.builds("{} - :n".format, targets),
    st.builds("if_not_exists({}, :v)".format, targets),
    st.builds("list_append({}, :l)".format, targets),
)
actions = st.one_of(
    st.builds("SET {} = {}".format, targets, sources),
    st.builds("REMOVE {}".format, targets),
    st.builds("ADD {} {}".format, targets, st.sampled_from([":n", ":s"])),
    st.builds("DELETE {} :s".format, targets),
)


@settings(max_examples=5 * EXAMPLES)
@given(
    st.none() | items,
    st.lists(actions, min_size=1, max_size=3, unique_by=lambda action: action.split()[0]),
    values,
    sets,
    numbers,
)
def test_an_update_makes_a_canonical_item_and_leaves_the_old_one_alone(
    found, chosen, value, members, count
):
    old = None if found is None else item.normalise(found)[0]
    before = copy.deepcopy(old)
    bindings = {":v": value, ":s": members, ":n": {"N": count}, ":l": {"L": [value]}}

    try:
        bound = update.parse(" ".join(chosen), Placeholders(None, bindings))
        new = bound.apply(old, {"pk": {"S": "key"}}).item
    except ValidationException:  # overlapping paths, or an item that does not fit
        new = None

    assert old == before
    if new is not None:
        canonical, size = item.normalise(copy.deepcopy(new))
        assert codec.encode(new, item.size(new)) == codec.encode(canonical, size)


# --- any text at all

WORDS = (
    "a b #a #z :v :n :z size contains attribute_type begins_with if_not_exists list_append name "
    "AND OR NOT IN BETWEEN SET REMOVE ADD DELETE ( ) ( ) [ ] . , = <> < <= > >= + - 0 1 99 $ é"
)
texts = st.lists(st.sampled_from(WORDS.split()), max_size=25).map(" ".join) | st.text(max_size=12)


@settings(max_examples=5 * EXAMPLES)
@given(texts)
def test_any_text_is_taken_or_refused_as_a_client_is_told(text):
    bindings = {":v": {"S": "x"}, ":n": {"N": "1"}}
    types_of_keys = {"a": "S", "b": "N"}

    for parse in (
        condition.parse,
        update.parse,
        projection.parse,
        lambda text, given: key_condition.parse(text, given, "a", "b", types_of_keys),
    ):
        with contextlib.suppress(ServiceError):
            parse(text, Placeholders({"#a": "name"}, bindings))
