"""Resource policies of a table and its streams: put, found and taken away, by their revisions.

Pure. What a policy says is nothing to tables; it is stored as it was written. Texts: where AWS's
are not known they are ours.
"""

from __future__ import annotations

from typing import Final

from headwater.errors import LimitExceededException, PolicyNotFoundException
from headwater.limits import stream_policies_max
from headwater.tables.schema import ResourcePolicy, Table

OF_TABLE: Final = ""
"""The label under which a table's own policy stands."""

_NONE: Final = "NO_POLICY"


def found(table: Table, label: str) -> ResourcePolicy:
    """The policy of a table or of its stream. Raises PolicyNotFoundException."""
    policy = table.policies.get(label)
    if policy is None:
        raise PolicyNotFoundException
    return policy


def with_policy(table: Table, label: str, document: str, expected: str | None, now: float) -> Table:
    """The table with a policy put; the same document leaves it and the revision as they are.

    expected: the revision that is to be replaced, `NO_POLICY` for none, None for any.
    """
    present = table.policies.get(label)
    _check_revision(present, expected)
    if present is not None and present.document == document:
        return table
    policies = {**table.policies, label: new_policy(document, now, present)}
    if len(policies) > stream_policies_max:
        raise LimitExceededException(
            "Subscriber limit exceeded: a table and its streams have at most "
            f"{stream_policies_max} resource policies"
        )
    return table.changed(policies=policies)


def without_policy(table: Table, label: str, expected: str | None) -> Table:
    """The table without a policy; the same table if it has none."""
    _check_revision(table.policies.get(label), expected)
    if label not in table.policies:
        return table
    return table.changed(
        policies={other: each for other, each in table.policies.items() if other != label}
    )


def new_policy(document: str, now: float, before: ResourcePolicy | None = None) -> ResourcePolicy:
    """A policy put at an epoch second; its revision is greater than the one before."""
    revision = int(now * 1000)
    if before is not None:
        revision = max(revision, int(before.revision) + 1)
    return ResourcePolicy(document, str(revision))


def _check_revision(present: ResourcePolicy | None, expected: str | None) -> None:
    if expected is not None and expected != (_NONE if present is None else present.revision):
        raise PolicyNotFoundException
