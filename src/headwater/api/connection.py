"""One client's connection: requests to the handler, answers out in their order.

Promises: requests are begun in the order they came and answered in that order; a connection holds a
bounded number of requests and of unsent bytes; a client that stalls is cut off; what a handler
raises reaches the log and never the client. Knows nothing of operations or of signatures.

What several connections have to do is done in turns of the loop, all of a kind together: the loop
reads what has arrived, then `Edge` has every request begun, then every answer written. Mixed, each
answer would wake the client's thread beside ours and each system call leave the handlers' code and
data to be fetched anew: with 32 connections a look-up then took nearly twice the time.

Time is looked at only by `sweep`, which the listener calls about each second: no request pays for a
timer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import structlog

from headwater.api.exchange import Exchange, fault
from headwater.api.message import (
    CLOSE,
    KEEP,
    UNSAID,
    Handler,
    Origin,
    Request,
    Response,
    plain,
    response_head,
)
from headwater.api.reception import HttpSettings, Reception, Refused
from headwater.limits import KB

_log = structlog.get_logger(__name__)

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_COPIED_BYTES_MAX: Final = 16 * KB  # up to here one copied buffer is cheaper than two written ones
_UNSENT_MAX: Final = 16  # answers of one connection that wait for the end of a turn
_PROGRESS_BYTES: Final = 64 * KB  # what a slow client must move before its time runs out


@dataclass(slots=True)
class Edge:
    """What the connections of one listener share.

    due: connections which have requests to begin or answers to send, for the next turn.
    running: exchanges whose handlers wait.
    ended: set when a connection is gone or one of these has ended.
    show: is shown how many connections there are, whenever that changes.
    """

    handler: Handler
    settings: HttpSettings
    loop: asyncio.AbstractEventLoop
    connections: set[Connection] = field(default_factory=set)
    running: set[Exchange] = field(default_factory=set)
    due: list[Connection] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    show: Callable[[int], None] | None = None

    def call(self, connection: Connection) -> None:
        """Give a connection its part in the next turn."""
        if not self.due:
            self.loop.call_soon(self._take_turn)
        self.due.append(connection)

    def _take_turn(self) -> None:
        due, self.due = self.due, []
        for step in (Connection.settle, Connection.flush):
            for connection in due:
                try:
                    step(connection)
                except Exception as error:  # noqa: BLE001 - ours, and this connection's alone
                    _log.error("connection failed", exc_info=error)
                    connection.abort()

    def count(self) -> None:
        """The number of connections has changed."""
        if self.show is not None:
            self.show(len(self.connections))

    def forget(self, exchange: Exchange) -> None:
        self.running.discard(exchange)
        self.ended.set()


class Connection(asyncio.Protocol):
    """The protocol of one accepted socket."""

    __slots__ = (
        "_begun",
        "_closes",
        "_draining",
        "_edge",
        "_half_closed",
        "_held_bytes",
        "_is_due",
        "_lingering",
        "_lost",
        "_mark",
        "_marked_at",
        "_origin",
        "_read_paused",
        "_reception",
        "_refusal",
        "_transport",
        "_unsent",
        "_waiting",
        "_write_paused",
    )

    _transport: asyncio.Transport

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._reception = Reception(edge.settings, self._take)
        self._begun: deque[Exchange] = deque()  # with the handler, or answered out of turn
        self._waiting: deque[Exchange] = deque()  # received, not yet given to the handler
        self._held_bytes = 0  # the bodies of both
        self._unsent: list[bytes] = []  # answers of this turn
        self._is_due = False
        self._closes = False  # once what is unsent is written
        self._refusal: Response | None = None  # the last answer, once all before it are sent
        self._lingering = False
        self._half_closed = False
        self._draining = False
        self._lost = False
        self._write_paused = False
        self._read_paused = False
        self._mark: tuple[object, ...] = ()
        self._marked_at = 0.0
        self._origin = Origin()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        settings = self._edge.settings
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(
            high=settings.write_high_bytes, low=settings.write_low_bytes
        )
        peer = transport.get_extra_info("peername")
        is_secure = transport.get_extra_info("ssl_object") is not None
        self._origin = Origin(str(peer[0]) if peer else "", is_secure)
        self._edge.connections.add(self)
        self._edge.count()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client. What its handlers began they finish: a write may be committing."""
        self._lost = True
        self._reception.stop()
        self._waiting.clear()
        self._edge.connections.discard(self)
        self._edge.count()
        self._edge.ended.set()

    def data_received(self, data: bytes) -> None:
        reception = self._reception
        if not reception.is_open:
            return
        try:
            reception.feed(data)
        except Refused as refused:
            self._refuse(refused.response)
        else:
            if reception.owes_continue:
                self._call()

    def eof_received(self) -> bool:
        """The client sends no more; it may still be reading. True keeps the connection open."""
        self._reception.stop()
        self._half_closed = True
        if not self._begun and not self._waiting and self._refusal is None:
            return False
        if self._refusal is None:
            self._last_exchange().connection = CLOSE
        # A TLS connection cannot be half closed.
        return self._transport.get_extra_info("ssl_object") is None

    def pause_writing(self) -> None:
        self._write_paused = True
        self._steer_reading()

    def resume_writing(self) -> None:
        self._write_paused = False
        self._call()

    def _take(self, request: Request, keep_alive: bool) -> None:  # noqa: FBT001 - a callback
        if self._draining or not keep_alive:
            self._reception.stop()
            connection = CLOSE
        else:
            # Only an HTTP/1.0 client needs to hear it, and only such a one is likely to ask.
            connection = KEEP if "connection" in request.headers else UNSAID
        request.origin = self._origin
        self._waiting.append(Exchange(request, connection, self._ended))
        self._held_bytes += len(request.body)
        if self._begun or self._is_due or self._write_paused:
            self._steer_reading()  # a request that is alone is within all bounds
        self._call()

    # What happens in the connection's turns

    def _call(self) -> None:
        if not self._is_due:
            self._is_due = True
            self._edge.call(self)

    def settle(self) -> None:
        """Take what is answered next in turn, begin a request if there is room, see what is left.

        One in a turn: who sends many at once is served beside the others, not before them.
        """
        self._is_due = False
        if self._lost:
            return
        begun, waiting = self._begun, self._waiting
        while begun and begun[0].response is not None:
            self._held_bytes -= len(begun[0].request.body)
            self._answer(begun.popleft())
        if waiting and self._has_room():
            self._held_bytes -= len(waiting[0].request.body)
            self._begin(waiting.popleft())
            if waiting and self._has_room():
                self._call()
        if not begun and not waiting:
            self._when_all_answered()
        self._steer_reading()

    def flush(self) -> None:
        """Write what this turn has answered, as one piece."""
        if self._lost:
            return
        unsent = self._unsent
        if unsent:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))
            unsent.clear()
        if self._closes:
            self._transport.close()

    # What the handler answers

    def _begin(self, exchange: Exchange) -> None:
        exchange.begin(self._edge.handler)
        if exchange.response is None:
            self._edge.running.add(exchange)
        elif not self._begun:
            self._answer(exchange)
            return
        self._begun.append(exchange)
        self._held_bytes += len(exchange.request.body)
        self._steer_reading()

    def _has_room(self) -> bool:
        return not self._write_paused and len(self._begun) < self._edge.settings.pipelined_max

    def _ended(self, exchange: Exchange) -> None:
        self._edge.forget(exchange)
        if exchange.response is None:
            self._transport.abort()  # the answers behind this one cannot be sent any more
        self._call()

    def _when_all_answered(self) -> None:
        if self._refusal is not None:
            self._linger(self._refusal)
            self._refusal = None
        elif self._reception.owes_continue:
            self._reception.owes_continue = False
            self._unsent.append(_CONTINUE)

    def _answer(self, exchange: Exchange) -> None:
        response = exchange.response
        assert response is not None
        try:
            head = response_head(response, exchange.connection)
        except ValueError as error:
            response = fault(error)
            head = response_head(response, exchange.connection)
        body = response.body if exchange.request.method != "HEAD" else b""
        if len(body) <= _COPIED_BYTES_MAX and len(self._unsent) < _UNSENT_MAX:
            self._unsent.append(head + body)
        else:  # so much at once that a slow client may pause us before its next request is begun
            self._transport.writelines((*self._unsent, head, body))
            self._unsent.clear()
        if exchange.connection is CLOSE:
            self._closes = True

    def _refuse(self, response: Response) -> None:
        """Answer what was begun, then this, then no more: the bytes that follow make no sense."""
        self._reception.stop()
        self._refusal = response
        self._call()

    def _linger(self, response: Response) -> None:
        """Send a refusal, then read and drop what the client still sends.

        Closing at once would answer those bytes with a reset, which throws away the refusal before
        the client has read it. `sweep` ends a client that does not close.
        """
        self._unsent.append(response_head(response, CLOSE) + response.body)
        self.flush()
        self._lingering = True
        if self._half_closed:
            self._transport.close()
        elif self._transport.can_write_eof():
            self._transport.write_eof()

    def _last_exchange(self) -> Exchange:
        return self._waiting[-1] if self._waiting else self._begun[-1]

    def _steer_reading(self) -> None:
        """Read on only while there is room for what may come."""
        settings = self._edge.settings
        full = (
            self._write_paused
            or len(self._begun) + len(self._waiting) >= settings.pipelined_max
            or self._held_bytes > settings.body_bytes_max
        )
        if full is self._read_paused or self._transport.is_closing():
            return
        self._read_paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    # What the listener asks

    def drain(self) -> None:
        """Answer what has been received, or is arriving, and close; at once if there is nothing."""
        self._draining = True
        if self._reception.is_receiving or self._refusal is not None or self._lingering:
            return
        self._reception.stop()
        if self._begun or self._waiting:
            self._last_exchange().connection = CLOSE
        else:
            self._closes = True
            self._call()

    def abort(self) -> None:
        self._transport.abort()

    def sweep(self, now: float) -> None:
        """Close the connection if nothing has moved on it for as long as its state allows.

        now: of the listener's clock. A state is first seen by the sweep after it came about, so a
        client gets up to one interval more than its due.
        """
        mark, allowed_seconds = self._progress()
        if mark != self._mark:
            self._mark = mark
            self._marked_at = now
        elif now - self._marked_at >= allowed_seconds:
            self._give_up(mark[0])

    def _progress(self) -> tuple[tuple[object, ...], float]:
        """A value that changes whenever something moves, its state first; and how long it may stay.

        A handler's own time has no limit here: operations have theirs.
        """
        settings, reception = self._edge.settings, self._reception
        if self._lingering:
            return ("lingering",), settings.linger_seconds
        if self._write_paused or self._transport.is_closing():
            unsent = self._transport.get_write_buffer_size() // _PROGRESS_BYTES
            return ("sending", unsent), settings.request_seconds
        if self._begun or self._waiting:
            return ("working",), float("inf")
        if reception.is_receiving:
            moved = reception.body_bytes // _PROGRESS_BYTES
            return ("receiving", reception.request_count, moved), settings.request_seconds
        return ("idle", reception.request_count), settings.idle_seconds

    def _give_up(self, state: object) -> None:
        if state == "receiving":
            self._refuse(plain(408, "Request took too long to arrive"))
        elif state == "idle":
            self._reception.stop()
            self._transport.close()
        else:
            self._transport.abort()
