"""Keys of functions: their versions, layers, code and invocations to come; see `keyspace`."""

from __future__ import annotations

from headwater.storage.keyspace import SEPARATOR
from headwater.values.order import after_prefix


def function(region: str, name: str) -> bytes:
    return b"f%b\x00%b" % (region.encode(), name.encode())


def functions_span(region: str, after: str = "") -> tuple[bytes, bytes]:
    """Start and stop of the functions of a region whose names come after one."""
    prefix = b"f%b\x00" % region.encode()
    start = prefix + after.encode() + SEPARATOR if after else prefix
    return start, after_prefix(prefix)


def function_version(region: str, name: str, number: int) -> bytes:
    return b"vv%b\x00%b\x00" % (region.encode(), name.encode()) + number.to_bytes(8, "big")


def function_versions_span(region: str, name: str, after: int = 0) -> tuple[bytes, bytes]:
    """Start and stop of the versions of a function with greater numbers than one."""
    prefix = b"vv%b\x00%b\x00" % (region.encode(), name.encode())
    return prefix + (after + 1).to_bytes(8, "big"), after_prefix(prefix)


def every_function_span() -> tuple[bytes, bytes]:
    return b"f", b"g"


def every_function_version_span() -> tuple[bytes, bytes]:
    return b"vv", b"vw"


def layer_version(region: str, name: str, number: int) -> bytes:
    return b"vl%b\x00%b\x00" % (region.encode(), name.encode()) + number.to_bytes(8, "big")


def layer_versions_span(region: str, name: str) -> tuple[bytes, bytes]:
    prefix = b"vl%b\x00%b\x00" % (region.encode(), name.encode())
    return prefix, after_prefix(prefix)


def every_layer_version_span() -> tuple[bytes, bytes]:
    return b"vl", b"vm"


def layer_count(region: str, name: str) -> bytes:
    return b"vc%b\x00%b" % (region.encode(), name.encode())


def layer_of_version(key: bytes) -> tuple[bytes, int]:
    """From a version's key: where its layer's last number is stored, and its own number."""
    return b"vc" + key[2:-9], int.from_bytes(key[-8:], "big")


def layer_counts_span(region: str, after: str = "") -> tuple[bytes, bytes]:
    """Start and stop of the layers of a region whose names come after one."""
    prefix = b"vc%b\x00" % region.encode()
    start = prefix + after.encode() + SEPARATOR if after else prefix
    return start, after_prefix(prefix)


def reserved_concurrency(region: str) -> bytes:
    return b"vr" + region.encode()


def deferred(due_us: int, deferred_id: bytes) -> bytes:
    return b"vd" + due_us.to_bytes(8, "big") + deferred_id


def deferred_span(until_us: int | None = None) -> tuple[bytes, bytes]:
    """Start and stop of asynchronous invocations that are due before a moment, or of all."""
    return b"vd", b"ve" if until_us is None else b"vd" + until_us.to_bytes(8, "big")


def due_of_deferred(key: bytes) -> int:
    return int.from_bytes(key[2:10], "big")


def deferred_payload(deferred_id: bytes) -> bytes:
    return b"vp" + deferred_id


def function_code_mark(sha256: bytes) -> bytes:
    return b"vz" + sha256


def function_code_marks_span() -> tuple[bytes, bytes]:
    return b"vz", b"v{"


def digest_of_code_mark(key: bytes) -> bytes:
    return key[2:]


def function_code(sha256: bytes) -> bytes:
    return b"z" + sha256
