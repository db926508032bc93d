"""Whether a table may be deleted. Pure; texts observed."""

from __future__ import annotations

from headwater.errors import ResourceInUseException, ValidationException
from headwater.tables import membership, unsettled
from headwater.tables.schema import Table, TableStatus


def check_deletable(table: Table, now: float) -> None:
    """Whether a client may delete a table. Raises as `Catalog.delete` says."""
    membership.check_source(table, now)
    if table.is_deletion_protected and table.status is not TableStatus.CREATING:
        raise ValidationException(
            "Resource cannot be deleted as it is currently protected against deletion. "
            "Disable deletion protection first."
        )
    check_idle(table)


def check_idle(table: Table) -> None:
    """Raises ResourceInUseException if a table is busy, so that it cannot be deleted."""
    in_use = "Attempt to change a resource which is still in use: Table is being"
    if table.status is TableStatus.CREATING:
        raise ResourceInUseException(f"{in_use} created: {table.name}")
    if table.status is TableStatus.UPDATING:
        raise ResourceInUseException(f"{in_use} updated: {table.name}")
    if not unsettled.has_settled_indexes(table):
        raise ResourceInUseException(
            "Cannot delete table while indexes are being created, updated, or deleted"
        )
