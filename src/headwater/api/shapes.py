"""Services, their operations, and the check each operation's input must pass.

`load` gives a service; an operation's `check` answers with the input a handler may trust, or raises
what AWS would: SerializationException for the first wrong type, then ValidationException with every
violated constraint in one message. Shapes are compiled when an operation is first called.
It does not know what a request means: exactly one type per attribute value, numbers, expressions
and tables are checked by those who understand them.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headwater.api import model
from headwater.api.constraints import Constraints
from headwater.api.conversion import converted
from headwater.api.model import Member, Model, Shape
from headwater.api.predicates import Predicate, predicate
from headwater.errors import ValidationException

_TABLE_NAME_LENGTHS: Final = (3, 255)

Input = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of AWS's: how it is called, and what its input must be."""

    service: str
    name: str
    method: str
    uri: str
    status: int
    _check: _Check = field(repr=False, compare=False)

    def check(self, body: Input) -> Input:
        """The input without nulls and unknown members; the body itself if it holds none.

        Raises SerializationException or ValidationException.
        """
        return self._check(body)

    @property
    def members(self) -> Mapping[str, Member]:
        """The input's members, with where each travels."""
        return self._check.shape.members

    @property
    def payload(self) -> str | None:
        """The member that is the request's whole body, if there is one."""
        return self._check.shape.payload

    def shape_of(self, member: str) -> Shape:
        """The shape of one of the input's members."""
        return self._check.model.shape(self.members[member].shape)

    def element_of(self, shape: Shape) -> Shape:
        """The shape of a list's elements."""
        return self._check.model.shape(shape.element)


@dataclass(frozen=True, slots=True)
class Service:
    """One service of AWS's: its operations and the HTTP status of its errors."""

    name: str
    operations: Mapping[str, Operation]
    error_status: Mapping[str, int]


@functools.cache
def load(service: str) -> Service:
    """The service of that name: dynamodb, dynamodbstreams, lambda, sqs or kinesis."""
    table = model.read(service)
    operations = {
        name: Operation(
            service, name, entry["method"], entry["uri"], entry["status"], _Check(table, entry)
        )
        for name, entry in table.operations.items()
    }
    return Service(service, operations, table.error_status)


class _Check:
    """The check of one operation, compiled on its first call."""

    def __init__(self, table: Model, entry: Mapping[str, Any]) -> None:
        self.model = table
        self._input: str = entry["input"]
        self._accepts: Predicate = self._compile_and_accept

    @property
    def shape(self) -> Shape:
        return self.model.shape(self._input)

    def __call__(self, body: Input) -> Input:
        if self._accepts(body):
            return body
        return self._examined(body)

    def _compile_and_accept(self, body: Input) -> bool:
        accepts = predicate(self.model, self._input)
        if self._has_table_name():
            accepts = functools.partial(_accepts_with_table_name, accepts)
        self._accepts = accepts
        return accepts(body)

    def _examined(self, body: Input) -> Input:
        """The slow way: it finds what is wrong, or that only nulls and unknown members were."""
        clean: Input = converted(self.model, self._input, body)
        overrides = {}
        if self._has_table_name():
            _check_table_name(clean.get("TableName"))
            overrides["tableName"] = _table_name_shape(self.model)
        message = Constraints(self.model, overrides).message(self._input, clean)
        if message is not None:
            raise ValidationException(message)
        return clean

    def _has_table_name(self) -> bool:
        """Does the service itself check TableName, which may be a table's ARN too?"""
        return self.model.service == "dynamodb" and "TableName" in self.shape.required


def _accepts_with_table_name(accepts: Predicate, body: Any) -> bool:
    if not accepts(body):
        return False
    name = body["TableName"]
    return _is_arn(name) or (3 <= len(name) <= 255 and _plain_name(name) is not None)


_plain_name = model.compiled("[a-zA-Z0-9_.-]+").fullmatch


def _is_arn(name: str) -> bool:
    return name.startswith("arn:")


def _check_table_name(name: str | None) -> None:
    """What the service says of a table name before the model has its turn."""
    if name is None:
        raise ValidationException(
            "The parameter 'TableName' is required but was not present in the request"
        )
    least, most = _TABLE_NAME_LENGTHS
    if not _is_arn(name) and not least <= len(name) <= most:
        raise ValidationException(
            f"TableName must be at least {least} characters long and at most {most} characters long"
        )


def _table_name_shape(table: Model) -> Shape:
    """The model's table name or ARN, with the pattern of names put on what is not an ARN."""
    pattern = table.shape("TableName").pattern
    regex = model.compiled(f"(?s:arn:.*)|{pattern}")
    return dataclasses.replace(table.shape("TableArn"), pattern=pattern, regex=regex)
