"""One request's way through its handler.

A Task costs more than the rest of the edge together, so a handler gets one only if it waits for a
second time: until its first wait it runs within `begin`, and what that waited for, most often a
commit, calls it back. Promises that what a handler raises reaches the log and never the client.

A handler must therefore not ask for the current task (`asyncio.timeout`, `TaskGroup`) before it has
waited twice, or once by `asyncio.sleep(0)`.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Final, cast

import structlog

from headwater.api.message import Handler, Request, Response, plain

_log = structlog.get_logger(__name__)

_FAULT: Final = plain(500, "Internal server error")


class Exchange:
    """A request and, once there is one, its answer.

    connection: the header of that name. ended: called once when the handler, having waited, has
    ended; without a response it was cancelled.
    """

    __slots__ = (
        "_awaited",
        "_context",
        "_coroutine",
        "_ended",
        "connection",
        "request",
        "response",
    )

    _awaited: asyncio.Future[Any]
    _context: Context
    _coroutine: Coroutine[Any, Any, Response]

    def __init__(
        self, request: Request, connection: str, ended: Callable[[Exchange], None]
    ) -> None:
        self.request = request
        self.connection = connection
        self.response: Response | None = None
        self._ended = ended

    def begin(self, handler: Handler) -> None:
        """Run the handler to its first wait; it has often ended before."""
        self._coroutine = handler(self.request)
        context = copy_context()  # as a Task has its own, so that nothing bound in it leaks
        try:
            awaited = context.run(self._coroutine.send, None)
        except StopIteration as done:
            self.response = done.value
        except Exception as error:  # noqa: BLE001 - the border of a request: logged and answered
            self.response = fault(error)
        else:
            self._context = context
            if _is_future(awaited):
                # What a Task does: the future is told that somebody has taken it up.
                awaited._asyncio_future_blocking = False
                awaited.add_done_callback(self._resume, context=context)
                self._awaited = awaited
            else:
                self._go_on_as_task(awaited)

    def cancel(self) -> None:
        """Have a handler that waits stop; `ended` is called then."""
        self._awaited.cancel()

    def _resume(self, _: object) -> None:
        """Run the handler on, within its context."""
        try:
            awaited = self._coroutine.send(None)
        except StopIteration as done:
            self.response = done.value
        except asyncio.CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - the border of a request: logged and answered
            self.response = fault(error)
        else:
            self._go_on_as_task(awaited)
            return
        self._ended(self)

    def _go_on_as_task(self, awaited: object) -> None:
        rest = _rest(self._coroutine, awaited)
        task = asyncio.get_running_loop().create_task(rest, context=self._context)
        task.add_done_callback(self._take_result)
        self._awaited = task

    def _take_result(self, task: asyncio.Task[Response]) -> None:
        if not task.cancelled():
            error = task.exception()
            self.response = task.result() if error is None else fault(error)
        self._ended(self)


def fault(error: BaseException) -> Response:
    """What a client is told of a fault of ours, which is logged."""
    _log.error("request handler failed", exc_info=error)
    return _FAULT


def _is_future(awaited: object) -> bool:
    return getattr(awaited, "_asyncio_future_blocking", None) is True


@types.coroutine
def _rest(
    coroutine: Coroutine[Any, Any, Response], awaited: object
) -> Generator[object, Any, Response]:
    """Go on with a coroutine that already waits for something.

    A Task starts a coroutine by sending None, which would resume ours before what it waits for is
    there. So that future is handed to the Task first, just as the coroutine handed it to us (its
    mark of being awaited is still set); from then on sends and throws go straight through.
    """
    while True:
        try:
            yield awaited
        except BaseException as error:  # noqa: BLE001 - passed on to whom it is meant for
            try:
                awaited = coroutine.throw(error)
            except StopIteration as done:
                return cast("Response", done.value)
        else:
            response: Response = yield from coroutine
            return response
