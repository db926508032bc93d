"""Objects in S3 or a service that speaks its protocol.

What fails is `ObjectsFailed` with the service's code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from headwater.aws import AwsService, CallFailed
from headwater.storage.objects import Encryption, Found, ObjectsFailed, Place

Result = TypeVar("Result")

_ALGORITHMS: Final = {"AES256": "AES256", "KMS": "aws:kms"}
# What boto3 makes of an answer without a body, such as that to HEAD.
_CODES: Final = {"404": "NoSuchBucket", "403": "AccessDenied"}
_EMPTY_RANGE: Final = "InvalidRange"


class S3Objects:
    """Objects of a service. endpoint: its address. region: what requests are signed for."""

    encrypts: Final = True

    def __init__(self, endpoint: str, region: str) -> None:
        self._service = AwsService("s3", endpoint, region)

    def check(self, bucket: str, prefix: str) -> None:
        """Any name may be one of the service's; it says itself what it refuses."""

    async def put(self, place: Place, body: bytes, encryption: Encryption | None = None) -> str:
        parameters: dict[str, Any] = {"Bucket": place.bucket, "Key": place.key, "Body": body}
        if encryption is not None:
            parameters["ServerSideEncryption"] = _ALGORITHMS[encryption.algorithm]
            if encryption.kms_key_id is not None:
                parameters["SSEKMSKeyId"] = encryption.kms_key_id
        answer = await self._run(lambda client: client.put_object(**parameters))
        return str(answer["ETag"]).strip('"')

    async def read(self, place: Place, start: int, size: int) -> bytes:
        wanted = f"bytes={start}-{start + size - 1}"
        try:
            return await self._run(lambda client: _body(client, place, wanted))
        except ObjectsFailed as error:
            if error.code == f"S3{_EMPTY_RANGE}":  # nothing begins at the object's end
                return b""
            raise

    async def delete(self, place: Place) -> None:
        parameters = {"Bucket": place.bucket, "Key": place.key}
        await self._run(lambda client: client.delete_object(**parameters))

    async def list(self, bucket: str, prefix: str, limit: int) -> list[Found]:
        found: list[Found] = []
        asked = {"Bucket": bucket, "Prefix": prefix}
        while len(found) < limit:
            answer = await self._run(lambda client: client.list_objects_v2(**asked))
            found += (Found(each["Key"], each["Size"]) for each in answer.get("Contents", ()))
            if not answer.get("IsTruncated"):
                break
            asked["ContinuationToken"] = answer["NextContinuationToken"]
        return found[:limit]

    async def _run(self, call: Callable[[Any], Result]) -> Result:
        """The result of work with boto3's client. Raises ObjectsFailed."""
        try:
            return await self._service.run(call)
        except CallFailed as error:
            raise ObjectsFailed(f"S3{_CODES.get(error.code, error.code)}", str(error)) from error


def _body(client: Any, place: Place, wanted: str) -> bytes:
    answer = client.get_object(Bucket=place.bucket, Key=place.key, Range=wanted)
    with answer["Body"] as body:
        return bytes(body.read())
