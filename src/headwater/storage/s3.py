"""Objects in S3 or a service that speaks its protocol, by boto3 in threads.

boto3 finds credentials as it does anywhere (environment, profile, instance) and tries again what
can succeed; what still fails is `ObjectsFailed` with the service's code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from headwater.storage.objects import Encryption, Found, ObjectsFailed, Place

Result = TypeVar("Result")

_TRIES_MAX: Final = 5
_CONNECT_SECONDS_MAX: Final = 5
_READ_SECONDS_MAX: Final = 60
_ALGORITHMS: Final = {"AES256": "AES256", "KMS": "aws:kms"}
# What boto3 makes of an answer without a body, such as that to HEAD.
_CODES: Final = {"404": "NoSuchBucket", "403": "AccessDenied"}
_EMPTY_RANGE: Final = "InvalidRange"


class S3Objects:
    """Objects of a service. endpoint: its address. region: what requests are signed for."""

    encrypts: Final = True

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint = endpoint
        self._region = region
        self._made: Any = None
        self._making = asyncio.Lock()

    def check(self, bucket: str, prefix: str) -> None:
        """Any name may be one of the service's; it says itself what it refuses."""

    async def put(self, place: Place, body: bytes, encryption: Encryption | None = None) -> str:
        parameters: dict[str, Any] = {"Bucket": place.bucket, "Key": place.key, "Body": body}
        if encryption is not None:
            parameters["ServerSideEncryption"] = _ALGORITHMS[encryption.algorithm]
            if encryption.kms_key_id is not None:
                parameters["SSEKMSKeyId"] = encryption.kms_key_id
        answer = await self._call("put_object", **parameters)
        return str(answer["ETag"]).strip('"')

    async def read(self, place: Place, start: int, size: int) -> bytes:
        wanted = f"bytes={start}-{start + size - 1}"
        try:
            return await self._run(lambda client: _body(client, place, wanted))
        except ObjectsFailed as error:
            if error.code == f"S3{_EMPTY_RANGE}":  # nothing begins at the object's end
                return b""
            raise

    async def list(self, bucket: str, prefix: str, limit: int) -> list[Found]:
        found: list[Found] = []
        more: dict[str, Any] = {}
        while len(found) < limit:
            answer = await self._call("list_objects_v2", Bucket=bucket, Prefix=prefix, **more)
            found += (Found(each["Key"], each["Size"]) for each in answer.get("Contents", ()))
            if not answer.get("IsTruncated"):
                break
            more = {"ContinuationToken": answer["NextContinuationToken"]}
        return found[:limit]

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        def call(client: Any) -> dict[str, Any]:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
            return answer

        return await self._run(call)

    async def _run(self, call: Callable[[Any], Result]) -> Result:
        """The result of a call in a thread. Raises ObjectsFailed."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(_client, self._endpoint, self._region)
        return await asyncio.to_thread(_called, self._made, call)


def _client(endpoint: str, region: str) -> Any:
    # boto3 takes a third of a second to import, which a server that never exports does not pay.
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    # Services other than AWS's know neither a bucket's own host name nor the newest checksums.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _TRIES_MAX},
        connect_timeout=_CONNECT_SECONDS_MAX,
        read_timeout=_READ_SECONDS_MAX,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    session = boto3.session.Session()
    return session.client("s3", endpoint_url=endpoint, region_name=region, config=config)


def _called(client: Any, call: Callable[[Any], Result]) -> Result:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    try:
        return call(client)
    except ClientError as error:
        told = error.response.get("Error", {})
        code = str(told.get("Code", "InternalError"))
        raise ObjectsFailed(f"S3{_CODES.get(code, code)}", str(error)) from error
    except BotoCoreError as error:
        raise ObjectsFailed("S3InternalError", str(error)) from error


def _body(client: Any, place: Place, wanted: str) -> bytes:
    answer = client.get_object(Bucket=place.bucket, Key=place.key, Range=wanted)
    with answer["Body"] as body:
        return bytes(body.read())
