"""Pages of exports and imports: their tokens, and what the requests for both have in common.

    token = hexadecimal of 8 * n bytes: length key zeros
    length = 2 bytes: of the key
    key = the storage key of the last job of the page before

Nothing is remembered for a token. The form is that which the model asks of ListImports.
"""

from __future__ import annotations

from typing import Final

from headwater.arn import parse_job, parse_table
from headwater.errors import INVALID, ValidationException
from headwater.storage import keyspace
from headwater.storage.objects import ObjectStore, UnusableName

_BLOCK: Final = 8
_BYTES_MIN: Final = 56
_LENGTH_BYTES: Final = 2


def token_of(key: bytes) -> str:
    """The token of what comes after a job."""
    content = len(key).to_bytes(_LENGTH_BYTES, "big") + key
    size = max(_BYTES_MIN, -(-len(content) // _BLOCK) * _BLOCK)
    return content.ljust(size, b"\x00").hex()


def key_of(token: str | None, span: tuple[bytes, bytes]) -> bytes | None:
    """The job after which a page begins; span: where the list's jobs are.

    Raises ValidationException if the token is no token of this list.
    """
    if token is None:
        return None
    try:
        content = bytes.fromhex(token)
    except ValueError:
        raise _invalid() from None
    end = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "big")
    key = content[_LENGTH_BYTES:end]
    if not span[0] <= key < span[1] or content != bytes.fromhex(token_of(key)):
        raise _invalid()
    return key


def listed_span(kind: bytes, region: str, account: str, arn: str | None) -> tuple[bytes, bytes]:
    """Where the jobs are that a request lists: all of a region, or those of a table's ARN.

    Raises ValidationException if it is no table's ARN.
    """
    if arn is None:
        return keyspace.jobs_span(kind, region)
    parts = parse_table(arn)
    if parts is None:
        raise invalid_arn(arn)
    if (parts.region, parts.account) != (region, account):
        return b"", b""
    return keyspace.jobs_span(kind, region, parts.table)


def job_named(arn: str, kind: str, place: tuple[str, str]) -> tuple[str, str] | None:
    """The table's name and the id in an ARN of an export or import; None if it is none of those.

    place: region and account, in which it must be.
    """
    parts = parse_job(arn)
    if parts is None or parts.kind != kind or (parts.region, parts.account) != place:
        return None
    return parts.table, parts.job


def check_place(objects: ObjectStore, bucket: str, prefix: str | None) -> None:
    """Raises ValidationException if the store of objects cannot have the bucket or the prefix."""
    try:
        objects.check(bucket, prefix or "")
    except UnusableName as error:
        raise ValidationException(f"{INVALID}{error}") from error


def check_owner(owner: str | None, account: str) -> None:
    """Raises ValidationException for a bucket of another account."""
    if owner not in (None, account):
        raise ValidationException(
            "S3BucketOwner other than the server's account is not supported by Headwater yet"
        )


def invalid_arn(arn: str) -> ValidationException:
    return ValidationException(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")


def _invalid() -> ValidationException:
    return ValidationException("Invalid NextToken")
