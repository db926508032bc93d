"""An import: what is asked for, how far it is, and its stored form.

`of_input` is pure and works on input that has passed the model's shapes. What Headwater does not
take is refused in our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from headwater.arn import job_arn, table_arn
from headwater.errors import INVALID, ValidationException
from headwater.storage import keyspace
from headwater.storage.keyspace import TableId
from headwater.tables.jobs import Failure, JobStatus

KIND: Final = b"i"


@dataclass(frozen=True, slots=True)
class Csv:
    """Lines of values. header: names of the columns; None: each object's first line has them."""

    delimiter: str = ","
    header: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Which objects are imported, and how they are written.

    prefix, owner: as given, or None. csv: None where the lines are DynamoDB's JSON or Ion.
    """

    bucket: str
    prefix: str | None = None
    owner: str | None = None
    csv: Csv | None = None
    is_gzip: bool = False
    is_ion: bool = False
    is_zstd: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What has been read. size: bytes of the objects as they are stored."""

    size: int = 0
    processed: int = 0
    imported: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """A table made out of objects.

    import_id: `<14 digits, epoch milliseconds>-<8 hexadecimal digits>`, as AWS forms it.
    started_at, ended_at: epoch seconds. source_input, table_input: what the request said of the
    source's form and of the table, to be described.
    """

    region: str
    table_name: str
    table_id: TableId
    import_id: str
    source: ImportSource
    source_input: Mapping[str, Any]
    table_input: Mapping[str, Any]
    started_at: float
    client_token: str | None = None
    status: JobStatus = JobStatus.IN_PROGRESS
    ended_at: float | None = None
    progress: Progress = Progress()
    failure: Failure | None = None

    @property
    def key(self) -> bytes:
        """Where the import is stored."""
        return keyspace.job(KIND, self.region, self.table_name, self.import_id)

    def table_arn(self, account: str) -> str:
        return table_arn(self.region, account, self.table_name)

    def arn(self, account: str) -> str:
        return job_arn(self.table_arn(account), "import", self.import_id)


def of_input(body: Mapping[str, Any]) -> ImportSource:
    """What an ImportTable asks to be read. Raises ValidationException."""
    form, compression = body["InputFormat"], body.get("InputCompressionType", "NONE")
    options = body.get("InputFormatOptions", {}).get("Csv")
    if options is not None and form != "CSV":
        raise ValidationException(f"{INVALID}Csv options are given with InputFormat CSV alone")
    place = body["S3BucketSource"]
    return ImportSource(
        place["S3Bucket"],
        place.get("S3KeyPrefix") or None,
        place.get("S3BucketOwner"),
        _csv(options or {}) if form == "CSV" else None,
        compression == "GZIP",
        form == "ION",
        compression == "ZSTD",
    )


def _csv(options: Mapping[str, Any]) -> Csv:
    names = options.get("HeaderList")
    if names is not None and len(set(names)) != len(names):
        raise ValidationException(f"{INVALID}HeaderList names a column twice")
    return Csv(options.get("Delimiter", ","), None if names is None else tuple(names))


def encode(job: Import) -> bytes:
    """The stored bytes of an import: JSON of its fields."""
    return orjson.dumps(job)


@lru_cache(maxsize=256)
def decode(stored: bytes) -> Import:
    fields: dict[str, Any] = orjson.loads(stored)
    source = fields["source"]
    if (csv := source["csv"]) is not None:
        header = None if csv["header"] is None else tuple(csv["header"])
        source["csv"] = Csv(csv["delimiter"], header)
    fields["source"] = ImportSource(**source)
    fields["progress"] = Progress(**fields["progress"])
    fields["status"] = JobStatus(fields["status"])
    if fields["failure"] is not None:
        fields["failure"] = Failure(**fields["failure"])
    return Import(**fields)
