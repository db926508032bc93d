"""A few hundred spoiled requests against a real server; `make fuzz` asks many more."""

from __future__ import annotations

from random import SystemRandom

import pytest

from tests.fuzz.campaign import campaign
from tests.fuzz.connections import Answer, Message
from tests.fuzz.judgement import Wrong, judged
from tests.fuzz.valid_requests import TABLES, Asked

PUT = Message(Asked(f"{TABLES}PutItem"), "POST", "/", b"{}")


def test_spoiled_requests_are_refused_in_form_and_change_nothing() -> None:
    # The seed is shown when the test fails: `python -m tests.fuzz --seed N` repeats it.
    figures = campaign(SystemRandom().randrange(10**9), 600, print)

    assert figures.asked == 600
    assert figures.codes["ValidationException"] > 0


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"HTTP/1.1 500 Internal Server Error", b'{"__type":"x#InternalServerError"}'),
        (b"HTTP/1.1 400 Bad Request", b"Traceback"),
        (b"HTTP/1.1 400 Bad Request", b'{"message":"no type"}'),
    ],
)
def test_faults_and_errors_without_form_are_noticed(head: bytes, body: bytes) -> None:
    with pytest.raises(Wrong):
        judged(PUT, Answer(head, body))
