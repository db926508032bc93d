"""How an invocation ended, in AWS's words."""

from __future__ import annotations

import pytest

from headwater.functions import outcome
from headwater.functions.outcome import Usage


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, "Runtime exited without providing a reason"),
        (7, "Runtime exited with error: exit status 7"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_exit_reason_names_status_or_signal(status: int, reason: str) -> None:
    assert outcome.exit_reason(status) == reason


def test_report_tells_what_was_used() -> None:
    usage = Usage(
        seconds=0.00123, memory_mb=128, memory_used_bytes=40 * 1024 * 1024, init_seconds=None
    )

    end, report = outcome.end_lines("id-1", usage)

    assert end == b"END RequestId: id-1"
    assert report == (
        b"REPORT RequestId: id-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\t"
        b"Memory Size: 128 MB\tMax Memory Used: 40 MB\t"
    )


def test_report_of_a_cold_start_tells_its_length() -> None:
    usage = Usage(seconds=0.001, memory_mb=128, memory_used_bytes=None, init_seconds=0.25)

    _, report = outcome.end_lines("id-1", usage)

    assert report.endswith(b"\tMemory Size: 128 MB\tInit Duration: 250.00 ms\t")


def test_time_out_line_has_the_moment() -> None:
    line = outcome.time_out_line("id-1", 3, 1569349719.526)

    assert line == b"2019-09-24T18:28:39.526Z id-1 Task timed out after 3.00 seconds\n"


def test_start_error_gets_the_id_of_its_invocation() -> None:
    account = b'{"errorType":"Runtime.ImportModuleError","requestId":""}'

    told = outcome.start_error("id-1", account)

    assert told == b'{"errorType":"Runtime.ImportModuleError","requestId":"id-1"}'


@pytest.mark.parametrize("account", [b"", b"no json", b"[]", b'{"requestId":"other"}'])
def test_start_error_of_another_form_is_passed_on(account: bytes) -> None:
    assert outcome.start_error("id-1", account) == account
