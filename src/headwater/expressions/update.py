"""Update expressions: bound to a request, then applied to an item.

Every right side reads the item as it was, so the order of actions means nothing. What results is a
new item: maps and lists on the way to a change are copied, everything else is shared with the old
item and with the request, and nobody changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from headwater.errors import ValidationException
from headwater.expressions import operations, parser
from headwater.expressions.bind import Bindings, Placeholders
from headwater.expressions.operations import Source
from headwater.expressions.paths import PathTree, project, tree_of
from headwater.expressions.syntax import Action, Arithmetic, Call, Operand, PathNode, ValueNode
from headwater.expressions.tokens import invalid
from headwater.limits import nesting_levels_max
from headwater.values import attribute
from headwater.values import item as items
from headwater.values.attribute import AttributeValue
from headwater.values.item import Item, Path

_EXPRESSION: Final = "UpdateExpression"
_INVALID_PATH: Final = "The document path provided in the update expression is invalid for update"
_REMEMBERED: Final = 512
_CREATING: Final = ("SET", "ADD")
_NOTHING: Final[Item] = {}
_ADDED: Final = frozenset({"N", "SS", "NS", "BS"})
_DELETED: Final = frozenset({"SS", "NS", "BS"})
# How the errors of ADD and DELETE, and only they, call a type.
_TYPE_WORDS: Final = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "L": "LIST",
    "M": "MAP",
}

# What comes to each path: a value, or None if what is there goes.
_Changes: TypeAlias = dict[Path, AttributeValue | None]


@dataclass(frozen=True, slots=True)
class Applied:
    """What an update made of an item.

    item: the new item, or None if there was none and the update creates none.
    touched: the paths it named, for `updated_old` and `updated_new`.
    """

    item: Item | None
    touched: tuple[Path, ...]


class BoundAction(NamedTuple):
    """One action with its names and values known; a tuple, for it is made anew for each request.

    source: the right side; for REMOVE None.
    """

    section: str
    path: Path
    source: Source | None


@dataclass(frozen=True, slots=True)
class Update:
    """Actions whose paths neither overlap nor conflict."""

    _actions: tuple[BoundAction, ...]
    _tree: PathTree

    def apply(self, old: Item | None, key: Item) -> Applied:
        """Change an item, or create one with that key.

        Raises ValidationException with DynamoDB's text if the item does not fit the expression.
        The caller checks the new item's size and that no key attribute is among those changed.
        """
        found = _NOTHING if old is None else old
        changes = {action.path: _outcome(action, found) for action in self._actions}
        base = key if old is None else old
        changed = _changed({"M": base}, self._tree, changes)["M"]
        touched = tuple(changes)
        if old is None and not any(action.section in _CREATING for action in self._actions):
            return Applied(None, touched)
        return Applied(changed, touched)

    def top_level_attributes(self) -> set[str]:
        """The attributes it changes, by the first name of each path."""
        return {str(name) for name in self._tree.branches}


def parse(text: str, placeholders: Placeholders) -> Update:
    """Parse an update and bind it; raises ValidationException with DynamoDB's text."""
    binder = _Binder(placeholders)
    actions = tuple([binder.action(action) for action in parser.update(text)])
    if "#" not in text:
        return Update(actions, _plain_tree(text))
    return of_actions(actions)


def bind(actions: Sequence[Action], bindings: Bindings) -> Update:
    """Bind parsed actions to what their names and values stand for.

    Raises ValidationException with DynamoDB's text.
    """
    binder = _Binder(bindings)
    return of_actions(tuple([binder.action(action) for action in actions]))


def of_actions(actions: tuple[BoundAction, ...]) -> Update:
    """The update of at least one action; refused if their paths overlap or conflict."""
    return Update(actions, tree_of([action.path for action in actions], _EXPRESSION))


def updated_old(old: Item | None, touched: tuple[Path, ...]) -> Item:
    """What UPDATED_OLD returns: what the old item had at the paths; empty if nothing."""
    return {} if old is None else project(old, tree_of(touched, _EXPRESSION))


def updated_new(new: Item | None, touched: tuple[Path, ...]) -> Item:
    """What UPDATED_NEW returns: what the new item has at the paths; empty if nothing.

    A path is taken as written: an element appended by an index beyond the list's end is not there,
    and after a removal from a list the element that moved up is (observed).
    """
    return {} if new is None else project(new, tree_of(touched, _EXPRESSION))


@lru_cache(_REMEMBERED)
def _plain_tree(text: str) -> PathTree:
    """The paths of an update without aliases are the same for every request."""
    return tree_of([action.path.steps for action in parser.update(text)], _EXPRESSION)


def _outcome(action: BoundAction, found: Item) -> AttributeValue | None:
    """What comes to the action's path."""
    if action.source is None:
        return None
    value: AttributeValue | None = action.source(found)
    assert value is not None
    if action.section == "ADD":
        value = operations.added(items.get(found, action.path), value)
    elif action.section == "DELETE":
        value = operations.without(items.get(found, action.path), value)
    within = len(action.path) - 1  # at the top a value nests no deeper than where it came from
    if within and value is not None and within + attribute.levels(value) > nesting_levels_max:
        raise ValidationException("Nesting Levels have exceeded supported limits")
    return value


def _changed(value: AttributeValue, tree: PathTree, changes: _Changes) -> AttributeValue:
    """A copy of a map or list with the changes at a tree's paths made."""
    of_list = isinstance(next(iter(tree.branches)), int)
    inner = value.get("L" if of_list else "M")
    if inner is None:
        raise ValidationException(_INVALID_PATH)
    if of_list:
        return {"L": _changed_list(inner, tree, changes)}
    members = dict(inner)
    for name, branch in tree.branches.items():
        if branch.branches:
            if name not in inner:
                raise ValidationException(_INVALID_PATH)
            members[name] = _changed(inner[name], branch, changes)
        elif (change := changes[branch.first]) is not None:
            members[name] = change
        else:
            members.pop(name, None)
    return {"M": members}


def _changed_list(
    elements: list[AttributeValue], tree: PathTree, changes: _Changes
) -> list[AttributeValue]:
    """Indexes are the old list's: what goes leaves its place last, what is beyond is appended."""
    places: list[AttributeValue | None] = list(elements)
    for index, branch in sorted(tree.branches.items()):
        assert isinstance(index, int), index
        is_beyond = index >= len(elements)
        if branch.branches:
            if is_beyond:
                raise ValidationException(_INVALID_PATH)
            places[index] = _changed(elements[index], branch, changes)
        elif is_beyond:
            places.append(changes[branch.first])
        else:
            places[index] = changes[branch.first]
    return [element for element in places if element is not None]


class _Binder:
    """Turns the actions of a tree into bound ones, checking what is known of their operands."""

    def __init__(self, placeholders: Bindings) -> None:
        self._placeholders = placeholders

    def action(self, action: Action) -> BoundAction:
        path = self._path(action.path)
        value = action.value
        if value is None:
            return BoundAction(action.section, path, None)
        if isinstance(value, Arithmetic):
            return BoundAction(action.section, path, self._arithmetic(value))
        if action.section != "SET":
            self._check_change(action.section, value)
        return BoundAction(action.section, path, self._source(value))

    def _arithmetic(self, node: Arithmetic) -> Source:
        left, right = self._source(node.left), self._source(node.right)
        self._check_types(node.operator, (node.left, node.right), "N")
        return operations.calculated(node.operator, left, right)

    def _source(self, operand: Operand) -> Source:
        if isinstance(operand, ValueNode):
            return operations.constant(self._value(operand))
        if isinstance(operand, PathNode):
            return operations.at(self._path(operand))
        first, second = operand.operands
        if operand.function == "list_append":
            joined = operations.joined(self._source(first), self._source(second))
            self._check_types(operand.function, (first, second), "L")
            return joined
        if not isinstance(first, PathNode):
            raise invalid(
                _EXPRESSION,
                "Operator or function requires a document path; "
                f"operator or function: {operand.function}",
            )
        return operations.first_existing(self._path(first), self._source(second))

    def _path(self, node: PathNode) -> Path:
        return self._placeholders.path(node, _EXPRESSION)

    def _value(self, node: ValueNode) -> AttributeValue:
        return self._placeholders.value(node.placeholder, _EXPRESSION)

    def _type(self, operand: Operand) -> str | None:
        """The type an operand has whatever the item is; None if the item decides."""
        if isinstance(operand, ValueNode):
            return attribute.type_of(self._value(operand))
        is_list = isinstance(operand, Call) and operand.function == "list_append"
        return "L" if is_list else None

    def _check_types(self, name: str, operands: tuple[Operand, ...], wanted: str) -> None:
        for operand in operands:
            kind = self._type(operand)
            if kind not in (None, wanted):
                raise invalid(
                    _EXPRESSION,
                    "Incorrect operand type for operator or function; "
                    f"operator or function: {name}, operand type: {kind}",
                )

    def _check_change(self, section: str, operand: Operand) -> None:
        kind = self._type(operand)
        assert kind is not None, operand  # the grammar takes a value here and nothing else
        if kind not in (_ADDED if section == "ADD" else _DELETED):
            raise invalid(
                _EXPRESSION,
                f"Incorrect operand type for operator or function; operator: {section}, "
                f"operand type: {_TYPE_WORDS[kind]}, typeSet: ALLOWED_FOR_{section}_OPERAND",
            )
