"""The fast and the careful check of a body never disagree.

For any body, valid or damaged: the predicate says yes exactly if conversion changes nothing and no
constraint is broken. Bodies are drawn from the model itself, then damaged at any place.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.api import model
from headwater.api.constraints import Constraints
from headwater.api.conversion import converted
from headwater.api.model import Model, Shape
from headwater.api.predicates import predicate
from headwater.errors import SerializationException

Strategy = st.SearchStrategy[Any]

BLOBS = st.sampled_from(["", "YQ==", "YWI=", "YWJj", "YR==", "a", "=", "ab*="])
TEXTS = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["music", "arn:aws:dynamodb:us-east-1:000000000000:table/music", "x" * 300]),
)
NUMBERS = st.one_of(
    st.integers(-2, 2**64),
    st.sampled_from([0, 1, 25, 26, 100, 101]),
    st.floats(allow_nan=False, allow_infinity=False),
)
WRONG = st.one_of(
    st.none(), st.booleans(), NUMBERS, TEXTS, st.just([]), st.just({}), st.just([None])
)
OPERATIONS = [
    (service, name)
    for service in ("dynamodb", "dynamodbstreams", "lambda")
    for name in model.read(service).operations
]


def bodies(table: Model, name: str, depth: int = 0) -> Strategy:
    """Values of a shape, now and then of a wrong type."""
    shape = table.shape(name)
    good = _good(table, shape, depth)
    return st.integers(0, 19).flatmap(lambda roll: WRONG if roll == 0 else good)


def _good(table: Model, shape: Shape, depth: int) -> Strategy:
    if depth > 6:
        return st.just({} if shape.type in ("structure", "map") else [])
    if shape.type == "structure":
        return _structures(table, shape, depth)
    if shape.type == "list":
        return st.lists(bodies(table, shape.element, depth + 1), max_size=3)
    if shape.type == "map":
        return st.dictionaries(TEXTS, bodies(table, shape.value, depth + 1), max_size=3)
    if shape.enum:
        return st.sampled_from([*shape.enum, "other"])
    simple: dict[str, Strategy] = {"string": TEXTS, "boolean": st.booleans(), "blob": BLOBS}
    return simple.get(shape.type, NUMBERS)


def _structures(table: Model, shape: Shape, depth: int) -> Strategy:
    names = sorted(shape.members)

    def filled(chosen: list[str]) -> Strategy:
        wanted = set(chosen) | shape.required if depth < 4 else set(chosen)
        fields = {name: bodies(table, shape.members[name].shape, depth + 1) for name in wanted}
        return st.fixed_dictionaries(fields)

    if not names:
        return st.just({})
    known = st.lists(st.sampled_from(names), max_size=3, unique=True).flatmap(filled)
    return st.tuples(known, st.integers(0, 19)).map(
        lambda drawn: drawn[0] | ({"Unknown": 1} if drawn[1] == 0 else {})
    )


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_fast_and_careful_check_agree(data):
    service, operation = data.draw(st.sampled_from(OPERATIONS))
    table = model.read(service)
    name = table.operations[operation]["input"]
    body = data.draw(bodies(table, name))

    accepted = predicate(table, name)(body)

    assert accepted == _is_flawless(table, name, body)


def _is_flawless(table: Model, name: str, body: Any) -> bool:
    try:
        clean = converted(table, name, body)
    except SerializationException:
        return False
    # Equality alone would take 1.0 for 1.
    return repr(clean) == repr(body) and Constraints(table, {}).message(name, clean) is None
