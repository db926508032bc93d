"""The ARN of a table or a stream, where an operation takes either. Texts: observed on AWS."""

from __future__ import annotations

from typing import NamedTuple

from headwater.arn import parse_stream, parse_table, table_arn
from headwater.errors import INVALID, ResourceNotFoundException, ValidationException
from headwater.tables.catalog import Catalog
from headwater.tables.schema import Table


class Resource(NamedTuple):
    """A table, or the stream of it that a label names."""

    table: Table
    label: str | None


async def resource_of(catalog: Catalog, region: str, arn: str) -> Resource:
    """The table or the stream that an ARN names; whether the stream is there is not looked at.

    Raises ValidationException, ResourceNotFoundException.
    """
    if not arn.startswith("arn:"):
        raise ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    stream = parse_stream(arn)
    name = arn
    if stream is not None:
        name = table_arn(stream.region, stream.account, stream.table)
    elif parse_table(arn) is None:
        raise ValidationException(
            f"{INVALID}Invalid resource arn provided, only table or stream is accepted. Provided "
            f"resource arn: {arn}"
        )
    try:
        table = await catalog.describe(region, name)
    except ResourceNotFoundException as error:
        raise not_found(arn) from error
    return Resource(table, None if stream is None else stream.label)


def not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Requested resource not found: ResourcArn: {arn} not found")
