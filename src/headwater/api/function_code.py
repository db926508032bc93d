"""Code of functions and layers as requests give it: sent along, or in a bucket."""

from __future__ import annotations

from headwater.errors import InvalidParameterValueException, RequestTooLargeException
from headwater.limits import function_zip_bytes_max
from headwater.storage.objects import ObjectsFailed, ObjectStore, Place


class CodeSource:
    """Finds code, in the same buckets that exports go to and imports come from."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects

    async def content(self, code: bytes | Place) -> bytes:
        """A zip.

        Raises InvalidParameterValueException if it cannot be had, RequestTooLargeException.
        """
        if isinstance(code, bytes):
            return code
        try:
            content = await self._objects.read(code, 0, function_zip_bytes_max + 1)
        except ObjectsFailed as error:
            raise InvalidParameterValueException(
                "Error occurred while GetObject. S3 Error Code: "
                f"{error.code.removeprefix('S3')}. S3 Error Message: {error.message}"
            ) from error
        if len(content) > function_zip_bytes_max:
            raise RequestTooLargeException(
                f"The code in the bucket must be at most {function_zip_bytes_max} bytes"
            )
        return content
