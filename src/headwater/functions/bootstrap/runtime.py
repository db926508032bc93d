"""A runtime interface client on the standard library alone; a twin of awslambdaric in what it does.

Loads the handler named by the first argument, then asks for events, calls it, posts what it
returned or how it failed. One contract suite holds it and awslambdaric to the same behaviour.
"""

from __future__ import annotations

import decimal
import http.client
import importlib
import io
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple, cast

PYTHON = sys.version_info[:2]
ROOT = "/2018-06-01/runtime"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
IS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
LOG_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"


class Fault(Exception):
    """The function cannot be loaded, or its result cannot be sent; kind is AWS's name for it."""

    def __init__(self, kind: str, message: str, trace: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace


class Identity:
    """Of a mobile application's user; always empty here."""

    cognito_identity_id = None
    cognito_identity_pool_id = None


class ClientContext:
    """What the caller says of itself; `client` is an object, the rest as it was sent."""

    class Client:
        installation_id = app_title = app_version_name = app_version_code = None
        app_package_name = None

    def __init__(self, members: dict[str, object]) -> None:
        self.custom = members.get("custom")
        self.env = members.get("env")
        self.client = self.Client() if "client" in members else None
        client = members.get("client")
        for name, value in (client if isinstance(client, dict) else {}).items():
            setattr(self.client, str(name), value)

    @staticmethod
    def parsed(text: str | None) -> ClientContext | None:
        return None if text is None else ClientContext(json.loads(text))


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, headers: http.client.HTTPMessage) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = Identity()
        self.client_context = ClientContext.parsed(headers["Lambda-Runtime-Client-Context"])
        self.tenant_id = None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class Client:
    """Speaks the Runtime API over one connection."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[bytes, http.client.HTTPMessage]:
        self._connection.request("GET", ROOT + "/invocation/next")
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"asking for an event failed: {answer.status} {body!r}")
        return body, answer.headers

    def post(self, path: str, body: bytes, kind: str | None = None) -> None:
        headers = {"Content-Type": "application/json"}
        if kind is not None:
            headers["Lambda-Runtime-Function-Error-Type"] = kind
        self._connection.request("POST", ROOT + path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 202:
            raise RuntimeError(f"posting a result failed: {answer.status} {text!r}")


def load(name: str) -> Callable[[object, Context], object]:
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", text) from None
    except SyntaxError as error:
        where = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        text = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", text, (where,)) from None
    try:
        handler: Callable[[object, Context], object] = getattr(module, function_name)
    except AttributeError:
        text = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", text) from None
    return handler


class Account(NamedTuple):
    """What AWS tells of a failure."""

    message: str
    kind: str
    request_id: str
    trace: list[str]

    def body(self) -> bytes:
        members = {
            "errorMessage": self.message,
            "errorType": self.kind,
            "requestId": self.request_id,
            "stackTrace": self.trace,
        }
        return json.dumps(members).encode()


def failure(error: BaseException, request_id: str = "") -> Account:
    """An exception's account, with the frames below this file's own."""
    if isinstance(error, Fault):
        return Account(str(error), error.kind, request_id, list(error.trace))
    frames = list(traceback.extract_tb(error.__traceback__))
    while frames and frames[0].filename == __file__:
        del frames[0]
    return Account(str(error), type(error).__name__, request_id, traceback.format_list(frames))


def print_failure(account: Account) -> None:
    if IS_JSON:
        stamp = time.strftime(TIME_FORMAT, time.gmtime())
        entry = {"timestamp": stamp, "level": "ERROR", **json.loads(account.body())}
        sys.stdout.write(json.dumps(entry, ensure_ascii=False) + "\n")
        return
    # CR between lines keeps a stack trace one line of the log, as awslambdaric has it.
    lines = [f"[ERROR] {account.kind}: {account.message}", "Traceback (most recent call last):"]
    for frame in account.trace:
        lines += frame.splitlines()
    sys.stdout.write("\r".join(lines) + "\n")


class Encoder(json.JSONEncoder):
    """JSON as awslambdaric writes it: a Decimal becomes a number with all its digits."""

    def __init__(self) -> None:
        super().__init__(ensure_ascii=PYTHON < (3, 12))
        self._mark = "decimal-" + os.urandom(8).hex()
        self._decimals: list[str] = []

    def default(self, o: object) -> object:
        if isinstance(o, decimal.Decimal):
            if o.is_nan():
                return float("nan")
            self._decimals.append(str(o))
            return f"{self._mark}-{len(self._decimals) - 1}-"
        return super().default(o)

    def encode(self, o: object) -> str:
        text = super().encode(o)
        for index, digits in enumerate(self._decimals):
            text = text.replace(f'"{self._mark}-{index}-"', digits)
        return text


def marshal(result: object) -> bytes:
    if isinstance(result, bytes):
        return result
    try:
        return Encoder().encode(result).encode()
    except Exception as error:  # noqa: BLE001 - a result's own code may raise anything
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def unmarshal(body: bytes) -> object:
    try:
        return json.loads(body)
    except Exception as error:  # noqa: BLE001 - as awslambdaric: any fault of the event
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


class RequestIdFilter(logging.Filter):
    """Gives log records the id of the invocation under way."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self.request_id
        return True


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON, with what `extra` gave it beside."""

    _own = frozenset(vars(logging.makeLogRecord({}))) | {"message", "aws_request_id"}

    def format(self, record: logging.LogRecord) -> str:
        level = min(50, max(0, record.levelno)) // 10 * 10
        is_object = isinstance(record.msg, dict) and not record.args
        entry: dict[str, object] = {
            "timestamp": self.formatTime(record, TIME_FORMAT),
            "level": logging.getLevelName(level),
            "message": record.msg if is_object else record.getMessage(),
            "logger": record.name,
            **self._failure(record),
            "requestId": vars(record).get("aws_request_id"),
        }
        extras = {name: value for name, value in vars(record).items() if name not in self._own}
        shown = {name: value for name, value in {**extras, **entry}.items() if value is not None}
        return json.dumps(shown, ensure_ascii=False, default=str)

    @staticmethod
    def _failure(record: logging.LogRecord) -> dict[str, object]:
        if not record.exc_info or record.exc_info[0] is None:
            return {}
        kind, error, trace = record.exc_info
        return {
            "stackTrace": traceback.format_tb(trace),
            "errorType": kind.__name__,
            "errorMessage": str(error),
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
        }


def unbuffered(file: int) -> io.TextIOWrapper:
    raw = io.FileIO(file, "w", closefd=False)
    # A raw file is a binary stream too, which the type of the argument does not say.
    return io.TextIOWrapper(
        cast("io.BufferedWriter", raw), "utf-8", "backslashreplace", write_through=True
    )


def set_up_logging() -> RequestIdFilter:
    # Nothing may wait in a buffer when the result is posted, or the process dies.
    sys.stdout, sys.stderr = unbuffered(1), unbuffered(2)
    formatter = JsonFormatter() if IS_JSON else logging.Formatter(LOG_FORMAT, TIME_FORMAT[:-1])
    formatter.converter = time.gmtime
    ids = RequestIdFilter()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    handler.addFilter(ids)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    known = logging.getLevelName("DEBUG" if level == "TRACE" else level)
    if isinstance(known, int):
        root.setLevel(known)
    return ids


def serve(
    client: Client, handler: Callable[[object, Context], object], ids: RequestIdFilter
) -> None:
    while True:
        body, headers = client.next()
        context = Context(headers)
        ids.request_id = context.aws_request_id
        os.environ["_X_AMZN_TRACE_ID"] = headers["Lambda-Runtime-Trace-Id"]
        path = "/invocation/" + context.aws_request_id
        try:
            result = marshal(handler(unmarshal(body), context))
        except Exception as error:  # noqa: BLE001 - the function's faults are reported, not ours
            account = failure(error, context.aws_request_id)
            print_failure(account)
            client.post(path + "/error", account.body(), account.kind)
        else:
            client.post(path + "/response", result)


def main() -> None:
    client = Client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    ids = set_up_logging()
    try:
        handler = load(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - the module's faults are reported, not ours
        account = failure(error)
        print_failure(account)
        client.post("/init/error", account.body(), account.kind)
        sys.exit(1)
    serve(client, handler, ids)


main()
