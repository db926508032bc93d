"""A walk of the AWS CLI through operations, and which ones the reference says there are.

Calls that do not need one another run side by side, in two processes that each run one call after
the other.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.conformance.aws_cli import aws

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "operations.md"


class Walk:
    """Calls operations, and remembers which. always: options of every call."""

    def __init__(self, **always: Any) -> None:
        self.called: set[str] = set()
        self.always = always

    def all_of(self, service: str, **calls: dict[str, Any]) -> dict[str, Any]:
        """Call operations of a service side by side; their answers by their names."""
        self.called.update(calls)
        with ThreadPoolExecutor(2) as pool:
            answers = {
                name: pool.submit(aws, service, name.replace("_", "-"), **self.always, **options)
                for name, options in calls.items()
            }
        return {name: answer.result() for name, answer in answers.items()}


def implemented(*titles: str) -> set[str]:
    """What the reference says works of the services with these titles, by the commands' names."""
    text = REFERENCE.read_text()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    ours = [part for part in sections if part.startswith(tuple(f"{title}\n" for title in titles))]
    names = re.findall(r"^### `(\w+)`", "".join(ours), flags=re.MULTILINE)
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names}
