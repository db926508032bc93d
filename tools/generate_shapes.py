"""Write the request shapes the server checks by, from botocore's service models.

The tables hold what a check needs and nothing else: operations, input shapes with their limits, and
the errors' statuses. They are committed, so that the server needs no botocore and a change of AWS's
model is a readable difference: one line per operation and shape.

    python tools/generate_shapes.py            write the tables
    python tools/generate_shapes.py --check    exit 1 if they are not what would be written
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "src" / "headwater" / "api" / "model"
SHAPE_KEYS = ("type", "required", "min", "max", "enum", "pattern", "payload", "timestampFormat")
MEMBER_KEYS = ("location", "locationName", "timestampFormat", "streaming")

LAMBDA_OPERATIONS = frozenset(
    {
        "CreateFunction",
        "GetFunction",
        "GetFunctionCodeSigningConfig",
        "GetFunctionConfiguration",
        "GetAccountSettings",
        "ListFunctions",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "DeleteFunction",
        "Invoke",
        "InvokeWithResponseStream",
        "CreateEventSourceMapping",
        "GetEventSourceMapping",
        "ListEventSourceMappings",
        "UpdateEventSourceMapping",
        "DeleteEventSourceMapping",
        "PublishVersion",
        "ListVersionsByFunction",
        "CreateAlias",
        "GetAlias",
        "ListAliases",
        "UpdateAlias",
        "DeleteAlias",
        "PutFunctionConcurrency",
        "GetFunctionConcurrency",
        "DeleteFunctionConcurrency",
        "AddPermission",
        "GetPolicy",
        "RemovePermission",
        "TagResource",
        "ListTags",
        "UntagResource",
        "PutFunctionEventInvokeConfig",
        "UpdateFunctionEventInvokeConfig",
        "GetFunctionEventInvokeConfig",
        "DeleteFunctionEventInvokeConfig",
        "ListFunctionEventInvokeConfigs",
        "PublishLayerVersion",
        "GetLayerVersion",
        "GetLayerVersionByArn",
        "ListLayers",
        "ListLayerVersions",
        "DeleteLayerVersion",
        "AddLayerVersionPermission",
        "GetLayerVersionPolicy",
        "RemoveLayerVersionPermission",
    }
)

SQS_OPERATIONS = frozenset(
    {
        "CreateQueue",
        "GetQueueUrl",
        "GetQueueAttributes",
        "SendMessage",
        "SendMessageBatch",
        "ReceiveMessage",
        "DeleteMessage",
    }
)

KINESIS_OPERATIONS = frozenset(
    {
        "AddTagsToStream",
        "CreateStream",
        "DecreaseStreamRetentionPeriod",
        "DeleteResourcePolicy",
        "DeleteStream",
        "DeregisterStreamConsumer",
        "DescribeAccountSettings",
        "DescribeLimits",
        "DescribeStream",
        "DescribeStreamConsumer",
        "DescribeStreamSummary",
        "DisableEnhancedMonitoring",
        "EnableEnhancedMonitoring",
        "GetRecords",
        "GetResourcePolicy",
        "GetShardIterator",
        "IncreaseStreamRetentionPeriod",
        "ListShards",
        "ListStreamConsumers",
        "ListStreams",
        "ListTagsForResource",
        "ListTagsForStream",
        "MergeShards",
        "PutRecord",
        "PutRecords",
        "PutResourcePolicy",
        "RegisterStreamConsumer",
        "RemoveTagsFromStream",
        "SplitShard",
        "StartStreamEncryption",
        "StopStreamEncryption",
        "SubscribeToShard",
        "TagResource",
        "UntagResource",
        "UpdateMaxRecordSize",
        "UpdateShardCount",
        "UpdateStreamMode",
    }
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """One service model of botocore and what of it is kept."""

    service: str
    version: str
    operations: frozenset[str] | None = None  # None keeps all


SOURCES = (
    Source("dynamodb", "2012-08-10"),
    Source("dynamodbstreams", "2012-08-10"),
    Source("lambda", "2015-03-31", LAMBDA_OPERATIONS),
    Source("sqs", "2012-11-05", SQS_OPERATIONS),
    Source("kinesis", "2013-12-02", KINESIS_OPERATIONS),
)


def read_model(source: Source) -> Json:
    """botocore's model of a service, as it ships."""
    folder = Path(botocore.__file__).parent / "data" / source.service / source.version
    with gzip.open(folder / "service-2.json.gz", "rt", encoding="utf-8") as file:
        model: Json = json.load(file)
    return model


def reduced(model: Json, source: Source) -> Json:
    """The operations, shapes and errors the server needs of a model."""
    kept = source.operations or frozenset(model["operations"])
    missing = kept - model["operations"].keys()
    if missing:
        raise SystemExit(f"{source.service}: not in botocore's model: {', '.join(sorted(missing))}")
    operations = {name: _operation(model["operations"][name]) for name in sorted(kept)}
    inputs = [each["input"] for each in operations.values() if "input" in each]
    return {
        "service": source.service,
        "version": source.version,
        "protocol": model["metadata"]["protocol"],
        "operations": operations,
        "shapes": {name: _shape(model["shapes"][name]) for name in sorted(_reached(model, inputs))},
        "errors": dict(sorted(_errors(model, kept))),
    }


def _operation(operation: Json) -> Json:
    http = operation["http"]
    kept: Json = {"method": http["method"], "uri": http["requestUri"]}
    kept["status"] = http.get("responseCode", 200)
    if "input" in operation:
        kept["input"] = operation["input"]["shape"]
    return kept


def _shape(shape: Json) -> Json:
    kept: Json = {key: shape[key] for key in SHAPE_KEYS if key in shape}
    if "members" in shape:
        kept["members"] = {name: _member(member) for name, member in shape["members"].items()}
    for part in ("member", "key", "value"):
        if part in shape:
            kept[part] = shape[part]["shape"]
    return kept


def _member(member: Json) -> str | Json:
    """A member's shape by name alone where it says no more than that."""
    further = {key: member[key] for key in MEMBER_KEYS if key in member}
    name: str = member["shape"]
    return {"shape": name, **further} if further else name


def _reached(model: Json, names: list[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_parts(model["shapes"][name]))
    return found


def _parts(shape: Json) -> Iterator[str]:
    for member in shape.get("members", {}).values():
        yield member["shape"]
    for part in ("member", "key", "value"):
        if part in shape:
            yield shape[part]["shape"]


def _errors(model: Json, operations: frozenset[str]) -> Iterator[tuple[str, int]]:
    for operation in operations:
        for error in model["operations"][operation].get("errors", ()):
            shape = model["shapes"][error["shape"]]
            fallback = 500 if shape.get("fault") else 400
            yield error["shape"], shape.get("error", {}).get("httpStatusCode", fallback)


def rendered(table: Json) -> str:
    """The table as JSON with one line per operation, shape and error."""
    sections = []
    for key, value in table.items():
        if isinstance(value, dict):
            lines = ",\n".join(
                f"{json.dumps(name)}:{_line(entry)}" for name, entry in value.items()
            )
            sections.append(f"{json.dumps(key)}:{{\n{lines}\n}}")
        else:
            sections.append(f"{json.dumps(key)}:{json.dumps(value)}")
    return "{" + ",\n".join(sections) + "}\n"


def _line(entry: object) -> str:
    return json.dumps(entry, separators=(",", ":"))


def main() -> int:
    """Write or check the tables; the exit status is 1 if a check finds a difference."""
    parser = argparse.ArgumentParser(description="Generate the request shapes from botocore.")
    parser.add_argument("--check", action="store_true", help="only compare with what is committed")
    check_only = parser.parse_args().check
    stale = []
    for source in SOURCES:
        text = rendered(reduced(read_model(source), source))
        path = TARGET / f"{source.service}.json"
        if check_only:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            TARGET.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"differs from botocore {botocore.__version__}: {path.relative_to(ROOT)}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
