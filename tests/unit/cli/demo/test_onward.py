from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from headwater.cli.demo.mailbox import Mailbox
from headwater.cli.demo.onward import Onward
from headwater.cli.demo.report import Outcome, report

MAIL = b"Message-ID: <%b@example.com>\r\n\r\n%b\r\n"


def places(*, is_all: bool) -> Onward:
    return Onward("files", Path("/nowhere"), is_all, is_all, Mailbox() if is_all else None)


def test_what_is_not_installed_is_said() -> None:
    told = StringIO()
    outcome = Outcome(0, 0.0, 0.0, [], [], {}, places(is_all=False).left_out)

    report(Console(file=told, width=200), outcome)

    assert (
        "Not shown, as not installed: a warehouse of DuckDB, mails (pip install 'headwater[demo]')."
        in told.getvalue()
    )


def test_nothing_is_left_out_where_all_is_installed() -> None:
    assert places(is_all=True).left_out == []


def test_a_mail_that_came_twice_is_read_once() -> None:
    mailbox = Mailbox(mails=[MAIL % (b"a", b"one"), MAIL % (b"b", b"two"), MAIL % (b"a", b"one")])

    assert list(mailbox.lines()) == ["one", "two"]
