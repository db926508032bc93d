"""What a worker is told through its environment; pure.

Starts from nothing: of the server's own variables none is passed on. The function's variables come
last, so that they may replace what Lambda leaves free to change; names it reserves were refused
when the function was configured (rules.py).
Source: AWS Lambda Developer Guide, "Defined runtime environment variables".
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headwater.functions.function import FunctionVersion
from headwater.functions.log_format import JSON, LogSettings
from headwater.functions.runtime import BOOTSTRAP, Family, Runtime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all workers of a server share.

    endpoint_url: where this server answers, so that a function's own AWS calls come back here.
    libraries: the folder that holds boto3, importable in workers as on Lambda.
    """

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    session_token: str | None
    libraries: Path


@dataclass(frozen=True, slots=True)
class Place:
    """What one worker has to itself: its Runtime API, its folder and the name of its log."""

    runtime_api: str
    scratch: Path
    log_stream: str


def worker_environment(
    version: FunctionVersion, surroundings: Surroundings, place: Place
) -> dict[str, str]:
    """Every variable of one worker."""
    return (
        _machine(version, surroundings, place)
        | _lambda(version, place)
        | _credentials(version, surroundings)
        | dict(version.environment)
    )


def _machine(version: FunctionVersion, surroundings: Surroundings, place: Place) -> dict[str, str]:
    code, opt = version.code, version.opt
    program = version.runtime.program
    folders = ["/usr/local/bin", "/usr/bin", "/bin", f"{opt}/bin"]
    return {
        "PATH": ":".join(folders if program is None else [str(program.parent), *folders]),
        "LD_LIBRARY_PATH": f"{code}:{code}/lib:{opt}/lib",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        # A developer's own ~/.aws must not reach a function.
        "HOME": str(place.scratch),
        "TMPDIR": str(place.scratch),
        **_paths(version.runtime, opt, surroundings),
    }


def _paths(runtime: Runtime, opt: Path, surroundings: Surroundings) -> dict[str, str]:
    """Where a language looks for what neither the function nor its interpreter brings."""
    match runtime.family:
        case Family.PYTHON:
            folders = [
                f"{opt}/python",
                f"{opt}/python/lib/{runtime.name}/site-packages",
                str(surroundings.libraries),
            ]
            return {"PYTHONPATH": ":".join(folders)}
        case Family.NODE:
            major = runtime.name.removeprefix("nodejs").removesuffix(".x")
            folders = [f"{opt}/nodejs/node{major}/node_modules", f"{opt}/nodejs/node_modules"]
            return {"NODE_PATH": ":".join(folders)}
    return {}


def _lambda(version: FunctionVersion, place: Place) -> dict[str, str]:
    return {
        "_HANDLER": version.handler,
        "LAMBDA_TASK_ROOT": str(version.code),
        "LAMBDA_RUNTIME_DIR": str(BOOTSTRAP),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{version.runtime.name}",
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": version.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": place.log_stream,
        "AWS_LAMBDA_LOG_FORMAT": version.log.format,
        **_log_level(version.log),
        "AWS_LAMBDA_RUNTIME_API": place.runtime_api,
    }


def _log_level(log: LogSettings) -> dict[str, str]:
    """What a runtime need not print; only of the JSON format."""
    return {"AWS_LAMBDA_LOG_LEVEL": log.application_level} if log.format == JSON else {}


def _credentials(version: FunctionVersion, surroundings: Surroundings) -> dict[str, str]:
    variables = {
        "AWS_REGION": version.region,
        "AWS_DEFAULT_REGION": version.region,
        "AWS_ACCESS_KEY_ID": surroundings.access_key_id,
        "AWS_SECRET_ACCESS_KEY": surroundings.secret_access_key,
        "AWS_ENDPOINT_URL": surroundings.endpoint_url,
    }
    if surroundings.session_token is not None:
        variables["AWS_SESSION_TOKEN"] = surroundings.session_token
    return variables
