"""The command: measures one server after the other, operation by operation, round by round."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.benchmarks import servers, usage
from tests.benchmarks.delay import measure_delays
from tests.benchmarks.invoke import measure_invocations
from tests.benchmarks.load import Figures, LoadFailed, cpu_ratio, find_wrk, run_wrk
from tests.benchmarks.many_clients import measure_many_clients
from tests.benchmarks.many_items import measure_many_items
from tests.benchmarks.mappings import measure_mappings
from tests.benchmarks.peers import PeerMissing, install_dynalite, install_moto
from tests.benchmarks.pool import measure_pool
from tests.benchmarks.reader_delay import measure_reader_delay
from tests.benchmarks.report import OURS, TITLES, Results, as_json, percentile, print_report
from tests.benchmarks.servers import Server
from tests.benchmarks.sinks import measure_sinks
from tests.benchmarks.stream_load import measure_stream_load
from tests.benchmarks.workload import pool, prepare, records_of_page

STARTS = 5
WARM_UP_SECONDS = 1
CLIENT_SECONDS = 4
NO_WRK = """\
Throughput is left out: it needs wrk, which is not here and could not be installed.
    apt-get install wrk    (Debian, Ubuntu)        brew install wrk    (macOS)"""
NO_PROC = "Throughput and memory are left out: the server's CPU time is read from Linux's /proc."


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--peers", action="store_true", help="measure moto_server and dynalite too")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--seconds", type=int, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=TITLES, nargs="+", help="operations to measure")
    parser.add_argument("--size", type=int, help="measure a table of so many items, and no more")
    parser.add_argument("--trim", type=int, default=50_000, help="entries of the log to trim")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    results = Results()
    if options.size is not None:
        measure_size(results, options)
    else:
        measure_start(results)
        measure_throughput(results, options)
        if options.only is None:
            measure_clients(results)
            measure_streams(results, options)
            measure_delay(results)
            measure_mapping(results)
            measure_destinations(results)
    print_report(results)
    parameters = {"seconds": options.seconds, "rounds": options.rounds}
    target = options.json or _default_target()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(as_json(results, parameters), indent=1) + "\n", encoding="utf-8")
    print(f"written to {target}")


def measure_start(results: Results) -> None:
    """Time from starting the process to its ready line, and its memory before the first request."""
    print("start-up and idle memory ...")
    memory = []
    for _ in range(STARTS):
        with servers.data_folder() as folder:
            began = time.perf_counter()
            with servers.start_headwater(folder) as started:
                results.startup_seconds.append(time.perf_counter() - began)
                if usage.is_measurable():
                    memory.append(usage.resident_bytes(started.process.pid))
    if memory:
        results.idle_bytes = int(statistics.median(memory))


def measure_throughput(results: Results, options: argparse.Namespace) -> None:
    wrk = find_wrk()
    if wrk is None or not usage.is_measurable():
        print(NO_WRK if wrk is None else NO_PROC)
        return
    with ExitStack() as stack:
        running = [stack.enter_context(start()) for start in _starts(options.peers)]
        wanted = frozenset(options.only or TITLES)
        for server in running:
            print(f"preparing {server.name} ...")
            prepare(server, server.operations & wanted)
            if "get_records" in server.operations & wanted:
                results.records_of_page[server.name] = records_of_page(server)
        for number in range(options.rounds + 1):
            _measure_round(results, running, wrk, number, options)
    ours = results.rounds.get(OURS, {})
    if {"put", "put_stream"} <= ours.keys():
        results.figures["stream_put_in_puts"] = cpu_ratio(ours["put_stream"], ours["put"])


def _measure_round(
    results: Results, running: Sequence[Server], wrk: Path, number: int, options: argparse.Namespace
) -> None:
    """Measure each operation on each server once; the round numbered nought only warms up."""
    print(f"round {number} of {options.rounds} ..." if number else "warming up ...")
    seconds = options.seconds if number else WARM_UP_SECONDS
    for operation in options.only or TITLES:
        for server in running:
            if operation in server.operations:
                requests = pool(server, operation, f"round-{number}")
                figures = _measure(server, wrk, requests, seconds)
                usage.await_idle(server.process)
                if figures is None or figures.refused:
                    print(f"{server.name}, {operation}: {figures or 'no answer in time'}")
                if number and figures is not None:
                    results.add(server.name, operation, figures)


def _measure(
    server: Server, wrk: Path, requests: Sequence[bytes], seconds: float
) -> Figures | None:
    """One run, or None where a peer cannot keep up; where Headwater cannot, that is an error."""
    try:
        return run_wrk(wrk, server.endpoint, server.process, requests, seconds)
    except LoadFailed:
        if server.name == OURS:
            raise
        return None


def measure_size(results: Results, options: argparse.Namespace) -> None:
    wrk = find_wrk()
    if wrk is None or not usage.is_measurable():
        print(NO_WRK if wrk is None else NO_PROC)
        return
    results.figures |= measure_many_items(wrk, options.size, options.rounds, options.seconds)


def measure_clients(results: Results) -> None:
    wrk = find_wrk()
    if wrk is None or not usage.is_measurable():
        return
    print("many clients ...")
    with servers.headwater() as server:
        prepare(server, frozenset({"get"}))
        requests = pool(server, "get", "clients")
        full = run_wrk(wrk, server.endpoint, server.process, requests, WARM_UP_SECONDS)
        results.figures |= measure_many_clients(server, full, CLIENT_SECONDS)


def measure_streams(results: Results, options: argparse.Namespace) -> None:
    wrk = find_wrk()
    if wrk is None or not usage.is_measurable():
        return
    print("streams: pages, trimming, idle shards ...")
    results.figures |= measure_stream_load(wrk, options.seconds, options.trim)


def measure_delay(results: Results) -> None:
    print("delay from write to function start ...")
    with servers.data_folder() as folder, servers.start_headwater(folder) as started:
        server = Server(OURS, started.endpoint, started.process.pid)
        results.delays_ms, busy = measure_delays(server, folder)
        results.figures |= {
            "busy_delay_p50_ms": percentile(busy, 0.5),
            "busy_delay_p99_ms": percentile(busy, 0.99),
        }
        print("delay to a waiting reader ...")
        results.figures |= measure_reader_delay(folder / "reader")
        print("warm invocations ...")
        if sys.platform == "linux":  # elsewhere there is no awslambdaric
            results.figures |= measure_pool(folder / "pool")
        results.invocations_ms = measure_invocations(server)


def measure_mapping(results: Results) -> None:
    if not usage.is_measurable():
        return
    print("records through a mapping, and idle mappings ...")
    with servers.headwater() as server:
        results.mappings = measure_mappings(server)


def measure_destinations(results: Results) -> None:
    if not usage.is_measurable():
        return
    print("changes through sinks ...")
    results.figures |= measure_sinks()


def _starts(peers: bool) -> Iterator[Callable[[], AbstractContextManager[Server]]]:
    """Headwater and, if wanted, those peers that can be installed here."""
    yield servers.headwater
    if peers:
        for install, start in (
            (install_moto, servers.moto),
            (install_dynalite, servers.dynalite),
        ):
            try:
                install()
            except PeerMissing as missing:
                print(f"{missing}: left out")
            else:
                yield start


def _default_target() -> Path:
    return servers.DATA_PARENT / f"{time.strftime('%Y%m%d-%H%M%S')}.json"


if __name__ == "__main__":
    main()
