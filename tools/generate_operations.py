"""Write the reference page of operations by asking a server what it does.

A server is started in memory and asked, through botocore, for every operation with every parameter.
An operation, or a value of a parameter, is refused if the server says that it does not support
it. A parameter that is taken must be named in the source; one that is not would be ignored.

    python tools/generate_operations.py            write the page
    python tools/generate_operations.py --check    exit 1 if it is not what would be written
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import subprocess
import sys
import textwrap
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from headwater.api import (
    lab,
    lab_clock,
    lab_faults,
    lab_region,
    lab_story,
    lab_streams,
    mapping_progress,
    shapes,
)

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "headwater"
TARGET = ROOT / "docs" / "reference" / "operations.md"
TITLES = {
    "dynamodb": "DynamoDB",
    "dynamodbstreams": "DynamoDB Streams",
    "lambda": "Lambda",
    "sqs": "SQS",
    "kinesis": "Kinesis Data Streams",
}
REFUSAL = re.compile(
    r"supported by Headwater|is not yet supported|not supported on this server"
    r"|is not valid for DynamoDB event sources"
)
UNREACHED = re.compile(r"^\d+ validation errors? detected")
READY = re.compile(r"is ready at (\S+),")

INTRO = """\
What a client can call. All of it is at one address; the `X-Amz-Target` header, or for Lambda the
path, says which operation is meant, and the credential scope of the signature says which region.
Requests, answers and [errors](errors.md) have AWS's form; [differences](../differences.md) are
listed apart.

*Refused* means an error that says so: `UnknownOperationException` for an operation,
`ValidationException` or `InvalidParameterValueException` for a parameter. Members that AWS's model
does not know are left out of account, as AWS does. This page is made by asking a running server."""
OWN_INTRO = """\
Operations of ours, for tests of stream consumers. They are called like DynamoDB's, with the target
`Headwater_20261123.` and the name; a server without `--lab` answers `AccessDeniedException`."""
FUNCTION_LOG_INTRO = """\
`GetFunctionLog`, called the same way, reads the log of a function on any server. It takes
`FunctionName`, and if wished `Since` (epoch seconds), `After` (where a page before ended) and
`Limit`; it answers `Lines`, each with `Time`, `Stream` and `Text`, and `After`."""

WORDS = tomllib.loads((ROOT / "tools" / "operations.toml").read_text(encoding="utf-8"))
NOT_YET = "not built yet"
SAMPLES = {**WORDS["samples"], "Runtime": f"python3.{sys.version_info.minor}"}
# How Java's patterns mean characters beyond the first 65,536; to Python it is a wrong range.
SURROGATES = r"\uD800\uDC00-\uDBFF\uDFFF"
# Tried in turn where a pattern asks for more than a word.
FORMS = (
    *SAMPLES.values(),
    "1",
    "probe:9092",
    "us-east-1",
    "subnet-0",
    "sg-0",
    "arn:aws:lambda:us-east-1:000000000000:function:probe",
    "arn:aws:lambda:us-east-1:000000000000:layer:probe:1",
    "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0",
    "arn:aws:lambda:us-east-1:000000000000:runtime/probe-of-a-length-that-is-asked-for",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What the server made of a parameter. taken, refused: the values tried, as text."""

    path: str
    taken: Sequence[str]
    refused: Sequence[str]

    @property
    def does_something(self) -> bool:
        """Whether a value is taken which asks for something."""
        return not {*self.taken} <= {"empty", "`false`"}


@dataclass(frozen=True, slots=True)
class Answered:
    """One operation and its parameters; None is an operation that is refused."""

    operation: str
    findings: Sequence[Finding] | None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A member of an operation's input, perhaps of a member of it; around: the other members.

    wrap: puts what holds the parameter into the whole request; None where that is the request.
    """

    service: str
    operation: str
    path: str
    shape: Any
    around: Mapping[str, Any]
    wrap: Callable[[Any], dict[str, Any]] | None = None

    def request(self, value: Any) -> dict[str, Any]:
        """A request in which the parameter has a value."""
        name = self.path.rpartition(".")[2]
        holder = {**self.around, name: value}
        return holder if self.wrap is None else self.wrap(holder)

    def members(self) -> Iterator[Parameter]:
        """The members of a structure or of a list's structures, down to the third level."""
        is_list = self.shape.type_name == "list"
        inner = self.shape.member if is_list else self.shape
        if inner.type_name != "structure" or self.path.count(".") > 1:
            return
        path = self.path
        for member, shape in inner.members.items():
            yield Parameter(
                self.service,
                self.operation,
                f"{path}[].{member}" if is_list else f"{path}.{member}",
                shape,
                _required(inner),
                (lambda value: self.request([value])) if is_list else self.request,
            )


class Prober:
    """Asks one running server."""

    def __init__(self, endpoint: str) -> None:
        session = botocore.session.get_session()
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self._clients = {
            service: session.create_client(
                service,
                "us-east-1",
                endpoint_url=endpoint,
                aws_access_key_id="any",
                aws_secret_access_key="any",  # noqa: S106 - the server has no credentials
                config=config,
            )
            for service in TITLES
        }
        self._code = _zip()

    def prepare(self) -> None:
        """Make the function that bases refer to, unless it is there."""
        self.ask("lambda", "CreateFunction", self._base("CreateFunction"))

    def ask(self, service: str, operation: str, request: Mapping[str, Any]) -> str:
        """The error's code and text, or nothing."""
        try:
            self._clients[service]._make_api_call(operation, request)
        except ClientError as error:
            told = error.response["Error"]
            return f"{told['Code']}: {told.get('Message', '')}"
        return ""

    def answered(self, service: str, operation: str) -> Answered:
        shape = self._clients[service].meta.service_model.operation_model(operation).input_shape
        base = self._base(operation) or _required(shape)
        if REFUSAL.search(told := self.ask(service, operation, base)):
            if told.startswith("UnknownOperationException"):
                return Answered(operation, None)
            raise SystemExit(f"{operation}: the plainest request is refused: {told}")
        findings = [
            finding
            for name, member in (shape.members.items() if shape else ())
            if name not in WORDS["sent_to_aws"]
            for finding in self._explored(Parameter(service, operation, name, member, base))
        ]
        return Answered(operation, findings)

    def _explored(self, parameter: Parameter) -> Iterator[Finding]:
        """A parameter, with what is refused within it where it is not refused as a whole."""
        finding = self._tried(parameter)
        inner: list[Finding] = []
        if self._base(parameter.operation):
            inner = [each for member in parameter.members() for each in self._explored(member)]
        if not finding.refused or any(each.does_something for each in inner):
            if finding.refused and inner:
                finding = Finding(parameter.path, ("others",), ())
            yield finding
            yield from (each for each in inner if each.refused)
        else:
            yield finding

    def _tried(self, parameter: Parameter) -> Finding:
        taken, refused = [], []
        for value in _values(parameter.shape):
            request = parameter.request(value)
            told = self.ask(parameter.service, parameter.operation, request)
            text = told.partition(": ")[2]
            if REFUSAL.search(text):
                refused.append(_shown(value))
            elif UNREACHED.match(text):
                if value:
                    where = f"{parameter.operation}, {parameter.path}"
                    raise SystemExit(f"{where}: no fit sample: {told}")
            else:
                taken.append(_shown(value))
        return Finding(parameter.path, taken, refused)

    def _base(self, operation: str) -> dict[str, Any]:
        """A request that meets every check but those of the parameter in question."""
        keys = {
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        bases: dict[str, dict[str, Any]] = {
            "CreateTable": {"TableName": "Probe", **keys},
            "UpdateTable": {"TableName": "Probe"},
            "ImportTable": {
                "S3BucketSource": {"S3Bucket": "probe"},
                "InputFormat": "CSV",
                "TableCreationParameters": {"TableName": "Probe", **keys},
            },
            "CreateFunction": {
                "FunctionName": "probe",
                "Runtime": SAMPLES["Runtime"],
                "Role": SAMPLES["RoleArn"],
                "Handler": SAMPLES["Handler"],
                "Code": {"ZipFile": self._code},
            },
            "AddPermission": {
                "FunctionName": "probe",
                "StatementId": "probe",
                "Action": SAMPLES["Action"],
                "Principal": SAMPLES["Principal"],
            },
            "PublishLayerVersion": {"LayerName": "probe", "Content": {"ZipFile": self._code}},
            "UpdateFunctionCode": {"FunctionName": "probe", "ZipFile": self._code},
            "UpdateFunctionConfiguration": {"FunctionName": "probe"},
            "CreateEventSourceMapping": {
                "EventSourceArn": SAMPLES["Arn"],
                "FunctionName": "probe",
                "StartingPosition": "LATEST",
            },
        }
        return bases.get(operation, {})


def _values(shape: Any) -> Iterator[Any]:
    """Values of a parameter worth trying: what asks most first, what asks nothing last."""
    match shape.type_name:
        case "string" if shape.enum:
            yield from shape.enum
        case "boolean":
            yield from (True, False)
        case "integer" | "long":
            # Without bounds -1 often says "no limit".
            yield from dict.fromkeys(
                (shape.metadata.get("max", 1), shape.metadata.get("min", -1)),
            )
        case "structure":
            yield _filled(shape)
            yield {}
        case "list":
            yield [_filled(shape.member)]
            yield []
        case "map":
            yield {_text(shape.key): _filled(shape.value)}
        case _:
            yield _filled(shape)


def _filled(shape: Any, depth: int = 0) -> Any:
    """A value that passes the model's checks, with every member that is not a shape of shapes."""
    match shape.type_name:
        case "structure":
            names = shape.required_members if depth > 1 else shape.members
            if shape.name == "AttributeValue":
                return {"S": "x"}
            return {name: _filled(shape.members[name], depth + 1) for name in names}
        case "list":
            count = shape.metadata.get("min", 1) or 1
            return [_filled(shape.member, depth + 1) for _ in range(count)]
        case "map":
            return {_text(shape.key): _filled(shape.value, depth + 1)}
        case "string":
            return _text(shape)
        case "boolean":
            return True
        case "blob":
            return b"{}"
        case "timestamp":
            return 1.0
        case _:
            return shape.metadata.get("max", shape.metadata.get("min", 1))


def _text(shape: Any) -> str:
    if shape.name in SAMPLES:
        return str(SAMPLES[shape.name])
    if shape.enum:
        return str(shape.enum[0])
    plain = "x" * max(shape.metadata.get("min", 1), 1)
    # A class of Java's that Python lacks; every text tried has a letter.
    pattern = re.sub(r"\\p\{\w+\}", "a-z", shape.metadata.get("pattern", ".*"))
    pattern = pattern.replace(SURROGATES, "")
    fit = (text for text in (plain, *FORMS) if re.fullmatch(pattern, text))
    return str(next(fit, plain))


def _required(shape: Any) -> dict[str, Any]:
    """The plainest request: only what the model requires, or the service though it does not."""
    if shape is None:
        return {}
    required = [*shape.required_members, *WORDS["required"].get(shape.name, ())]
    return {name: _filled(shape.members[name]) for name in required}


def _shown(value: Any) -> str:
    """A value in a cell of the page; what is long is only what it is not: empty."""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, int | str):
        return f"`{value}`"
    return "others" if value else "empty"


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event\n")
    return content.getvalue()


@contextmanager
def server() -> Iterator[str]:
    """A server of this checkout, in memory; gives its endpoint."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADWATER_")}
    words = [sys.executable, "-m", "headwater", "serve", "--memory", "--port", "0"]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            assert process.stdout is not None, "its output is a pipe"
            found = READY.search(process.stdout.readline())
            if found is None:
                raise SystemExit("the server did not start")
            yield found[1]
        finally:
            process.terminate()


def named_in_source() -> frozenset[str]:
    """Every text that the source holds as a string."""
    return frozenset(
        node.value
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def page(found: Mapping[str, Sequence[Answered]], named: frozenset[str]) -> str:
    """The page, from what each service's operations answered."""
    lines = [f"<!-- Generated by tools/{Path(__file__).name} -->", "# Operations", "", INTRO, ""]
    for service, operations in found.items():
        lines += _service(TITLES[service], operations, named)
    return "\n".join([*lines, *_own()])


def _service(title: str, operations: Sequence[Answered], named: frozenset[str]) -> Iterator[str]:
    yield from (f"## {title}", "")
    refused: dict[str, list[str]] = {}
    for each in operations:
        if each.findings is None:
            why = WORDS["refused"].get(each.operation, NOT_YET)
            refused.setdefault(why, []).append(f"`{each.operation}`")
    for why, names in refused.items():
        yield from (_wrapped(f"Refused, {why}: ", names), "")
    for each in operations:
        if each.findings is not None:
            yield from (f"### `{each.operation}`", "")
            if each.operation in WORDS["alike"]:
                yield from (WORDS["alike"][each.operation], "")
                continue
            yield from _parameters(each.findings, named)
            if note := WORDS["notes"].get(each.operation):
                yield from (textwrap.fill(note, 100), "")


def _parameters(findings: Sequence[Finding], named: frozenset[str]) -> Iterator[str]:
    works, ignored, refused = [], [], []
    for each in findings:
        if each.refused:
            refused.append(each)
        elif each.path in named:
            works.append(f"`{each.path}`")
        else:
            ignored.append(f"`{each.path}`")
    if works:
        yield from (_wrapped("Works: ", works), "")
    elif not findings:
        yield from ("Takes no parameters.", "")
    if ignored:
        yield from (_wrapped("Taken, and without effect: ", ignored), "")
    if refused:
        yield from ("| refused | unless | why |", "|-|-|-|")
        yield from (_row(each) for each in refused)
        yield ""


def _wrapped(beginning: str, names: Sequence[str]) -> str:
    return textwrap.fill(f"{beginning}{', '.join(names)}.", 100, break_on_hyphens=False)


def _row(finding: Finding) -> str:
    names = finding.path.replace("[]", "").split(".")
    why = next(
        (WORDS["why"][name] for name in (names[-1], names[0]) if name in WORDS["why"]), NOT_YET
    )
    return f"| `{finding.path}` | {', '.join(finding.taken)} | {why} |"


def _own() -> Iterator[str]:
    """Our own operations, as the module that handles them describes them."""
    yield from ("## Headwater's own", "", OWN_INTRO, "")
    described = (lab.__doc__ or "").split("\n\n")[1]
    offered = (lab, lab_clock, lab_streams, lab_story, lab_faults, lab_region)
    for name in (name for each in offered for name in each.refused()):
        if f"{name} {{" not in described:
            raise SystemExit(f"api/lab.py does not describe {name}")
        yield f"- `{name}`"
    yield from _block(described)
    described_mapping = (mapping_progress.__doc__ or "").split("\n\n", 1)[1]
    yield from ("Every server answers what its mappings do:", *_block(described_mapping))
    yield from (FUNCTION_LOG_INTRO, "")


def _block(described: str) -> Iterator[str]:
    """A module's description of operations, as it stands."""
    lines = [line.removeprefix("    ") for line in described.strip().splitlines()]
    yield from ("", "```", *lines, "```", "")


def explored(names: Mapping[str, Iterable[str]]) -> dict[str, list[Answered]]:
    """What a server answers to these operations of each service."""
    found: dict[str, list[Answered]] = {}
    with server() as endpoint:
        prober = Prober(endpoint)
        for service, operations in names.items():
            found[service] = []
            for operation in sorted(operations):
                if service == "lambda":
                    prober.prepare()
                found[service].append(prober.answered(service, operation))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if out of date")
    names = {service: shapes.load(service).operations for service in TITLES}
    text = page(explored(names), named_in_source())
    if not parser.parse_args().check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is out of date: run {Path(__file__).name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
