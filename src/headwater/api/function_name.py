"""Which function a request of Lambda's means: a name or an ARN, with a version or an alias."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from headwater.arn import parse_function
from headwater.errors import InvalidParameterValueException

_PARTIAL_ARN: Final = re.compile(r"(?:\d{12}:)?(?:function:)?([A-Za-z0-9_-]+)(?::(.+))?")


class Named(NamedTuple):
    """A function's bare name, and the version or alias asked for, if any."""

    name: str
    qualifier: str | None


def named(request: Mapping[str, Any], region: str, account: str) -> Named:
    """What FunctionName and Qualifier of a request mean.

    Raises InvalidParameterValueException for another region's or account's ARN, and for qualifiers
    that contradict each other.
    """
    found = split_name(request["FunctionName"], region, account)
    asked = request.get("Qualifier")
    if asked is None:
        return found
    if found.qualifier not in (None, asked):
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return Named(found.name, asked)


def split_name(name: str, region: str, account: str) -> Named:
    """A function's name and qualifier, from a name, a partial or a whole ARN.

    Raises InvalidParameterValueException for another region's or account's ARN.
    """
    if name.startswith("arn:"):
        parts = parse_function(name)
        if parts is None or (parts.region, parts.account) != (region, account):
            raise InvalidParameterValueException(
                f"The ARN is not of a function of this account and region: {name}"
            )
        return Named(parts.function, parts.qualifier)
    match = _PARTIAL_ARN.fullmatch(name)
    if match is None:
        raise InvalidParameterValueException(f"Not a name of a function: {name}")
    return Named(match[1], match[2])
