"""Variables of a function's environment, as options give them."""

from __future__ import annotations

from collections.abc import Iterable

import click


def variables_of(options: Iterable[str]) -> dict[str, str]:
    """The variables of options that are NAME=VALUE; raises click.BadParameter."""
    variables = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{option!r} is not NAME=VALUE", param_hint="--env")
        variables[name] = value
    return variables
