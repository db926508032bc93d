"""Legacy parameters against expressions: what both can say, they say alike of every item."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.errors import ValidationException
from headwater.expressions import condition, key_condition, legacy, update
from headwater.expressions.bind import Placeholders
from headwater.expressions.update import Update
from headwater.values import item
from tests.model.test_expressions import items, ordered, sets, values

EXAMPLES = settings().max_examples  # of the profile; these are cheap, so each test takes many
NAMES = st.sampled_from(["a", "b", "c", "d", "absent"])
KEY: dict[str, Any] = {"pk": {"S": "key"}}

# Each operator as an expression of a name and its arguments.
FORMS = {
    "EQ": "{0} = {1}",
    "NE": "{0} <> {1}",
    "LE": "{0} <= {1}",
    "LT": "{0} < {1}",
    "GE": "{0} >= {1}",
    "GT": "{0} > {1}",
    "NULL": "attribute_not_exists({0})",
    "NOT_NULL": "attribute_exists({0})",
    "CONTAINS": "contains({0}, {1})",
    "NOT_CONTAINS": "(attribute_exists({0}) AND NOT contains({0}, {1}))",
    "BEGINS_WITH": "begins_with({0}, {1})",
    "BETWEEN": "{0} BETWEEN {1} AND {2}",
}


def comparison(operator: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    return {"ComparisonOperator": operator, "AttributeValueList": list(arguments)}


def of_one_type(least: int, most: int) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.sampled_from("SNB").flatmap(
        lambda kind: st.lists(
            ordered.filter(lambda value: kind in value), min_size=least, max_size=most
        )
    )


comparisons = st.one_of(
    st.builds(comparison, st.sampled_from(["EQ", "NE"]), values),
    st.builds(comparison, st.sampled_from(["LE", "LT", "GE", "GT"]), ordered),
    st.builds(comparison, st.sampled_from(["CONTAINS", "NOT_CONTAINS"]), ordered),
    st.builds(comparison, st.just("BEGINS_WITH"), ordered.filter(lambda value: "N" not in value)),
    st.builds(comparison, st.sampled_from(["NULL", "NOT_NULL"])),
    of_one_type(1, 3).map(lambda arguments: comparison("IN", *arguments)),
    of_one_type(2, 2).map(lambda arguments: comparison("BETWEEN", *arguments)),
)


class Expression:
    """An expression being written, with its placeholders."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, name: str) -> str:
        alias = f"#n{len(self.names)}"
        self.names[alias] = name
        return alias

    def value(self, value: dict[str, Any]) -> str:
        placeholder = f":v{len(self.values)}"
        self.values[placeholder] = value
        return placeholder

    def placeholders(self) -> Placeholders:
        return Placeholders(self.names or None, self.values or None)

    def comparison(self, name: str, asked: dict[str, Any]) -> str:
        alias = self.name(name)
        arguments = [self.value(argument) for argument in asked["AttributeValueList"]]
        if asked["ComparisonOperator"] == "IN":
            return f"{alias} IN ({', '.join(arguments)})"
        return FORMS[asked["ComparisonOperator"]].format(alias, *arguments)


@settings(max_examples=10 * EXAMPLES)
@given(
    st.none() | items,
    st.dictionaries(NAMES, comparisons, min_size=1, max_size=3),
    st.sampled_from([None, "AND", "OR"]),
)
def test_a_legacy_condition_says_what_its_expression_says(found, asked, operator):
    check_condition(found, asked, operator)


def check_condition(
    found: dict[str, Any] | None, asked: dict[str, Any], operator: str | None
) -> None:
    writer = Expression()
    text = f" {operator or 'AND'} ".join(
        writer.comparison(name, each) for name, each in asked.items()
    )
    old = None if found is None else item.normalise(found)[0]

    try:
        of_expression = condition.parse(text, writer.placeholders()).matches(old)
    except ValidationException:  # bounds in the wrong order
        of_expression = None
    try:
        bound = legacy.expected(asked, operator)
    except ValidationException:
        of_legacy = None
    else:
        assert bound is not None
        of_legacy = bound.matches(old)

    assert of_legacy == of_expression, text


# --- updates

changes = st.one_of(
    values.map(lambda value: {"Value": value}),
    st.just({"Action": "DELETE"}),
    st.builds(
        lambda value: {"Action": "ADD", "Value": value},
        st.one_of(
            sets,
            ordered.filter(lambda value: "N" in value),
            st.lists(values, max_size=2).map(lambda elements: {"L": elements}),
        ),
    ),
    sets.map(lambda value: {"Action": "DELETE", "Value": value}),
)


def update_text(writer: Expression, given_: dict[str, Any]) -> str:
    sections: dict[str, list[str]] = {}
    for name, change in given_.items():
        alias = writer.name(name)
        action, value = change.get("Action", "PUT"), change.get("Value")
        if value is None:
            sections.setdefault("REMOVE", []).append(alias)
        elif action == "PUT":
            sections.setdefault("SET", []).append(f"{alias} = {writer.value(value)}")
        elif action == "ADD" and "L" in value:
            nothing = writer.value({"L": []})
            appended = f"list_append(if_not_exists({alias}, {nothing}), {writer.value(value)})"
            sections.setdefault("SET", []).append(f"{alias} = {appended}")
        else:
            sections.setdefault(action, []).append(f"{alias} {writer.value(value)}")
    return " ".join(f"{section} {', '.join(each)}" for section, each in sections.items())


def outcome(bound: Update | None, old: dict[str, Any] | None) -> Any:
    assert bound is not None
    try:
        return bound.apply(old, KEY)
    except ValidationException:
        return "refused"


@settings(max_examples=10 * EXAMPLES)
@given(st.none() | items, st.dictionaries(NAMES, changes, min_size=1, max_size=3))
def test_legacy_updates_make_what_their_expression_makes(found, asked):
    check_updates(found, asked)


def check_updates(found: dict[str, Any] | None, asked: dict[str, Any]) -> None:
    writer = Expression()
    text = update_text(writer, asked)
    old = None if found is None else item.normalise(found)[0]

    of_expression = outcome(update.parse(text, writer.placeholders()), old)
    of_legacy = outcome(legacy.updates(asked), old)

    if of_expression != "refused" and of_legacy != "refused":
        assert of_legacy.item == of_expression.item, text
        assert set(of_legacy.touched) == set(of_expression.touched)
    else:
        assert of_legacy == of_expression, text


# --- keys

ranges = st.one_of(
    st.builds(comparison, st.sampled_from(["EQ", "LE", "LT", "GE", "GT"]), ordered),
    st.builds(comparison, st.just("BEGINS_WITH"), ordered.filter(lambda value: "N" not in value)),
    of_one_type(2, 2).map(lambda arguments: comparison("BETWEEN", *arguments)),
)


@settings(max_examples=10 * EXAMPLES)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), ranges, min_size=1, max_size=2))
def test_legacy_key_conditions_want_what_their_expression_wants(asked):
    check_keys(asked)


def check_keys(asked: dict[str, Any]) -> None:
    writer = Expression()
    text = " AND ".join(writer.comparison(name, each) for name, each in asked.items())
    schema = ("a", "b", {"a": "S", "b": "N", "c": "S"})

    try:
        of_expression: Any = key_condition.parse(text, writer.placeholders(), *schema)
    except ValidationException:
        of_expression = "refused"
    try:
        of_legacy: Any = key_condition.of_schema(legacy.key_ranges(asked), *schema)
    except ValidationException:
        of_legacy = "refused"

    assert of_legacy == of_expression, text
