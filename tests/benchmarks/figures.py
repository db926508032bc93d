"""The figures that stand for themselves: their names in the JSON, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

_SINKS: Final = {
    "json": "a lake of JSON lines",
    "parquet": "a lake of Parquet",
    "duckdb": "a warehouse of DuckDB",
    "postgres": "a warehouse of PostgreSQL",
    "search": "an index of OpenSearch",
    "table": "a derived table",
    "webhook": "a webhook",
    "email": "mails",
    "sqs": "a queue",
}

# name: what it is, and its format
FIGURES: Final[Mapping[str, tuple[str, str]]] = {
    "stream_put_in_puts": ("PutItem with stream, CPU in those of PutItem", "{:.2f}"),
    "many_items": ("items in the table of many", "{:,.0f}"),
    "batched_put_cpu_us": ("BatchWriteItem of 25, server CPU of an item", "{:,.0f} us"),
    "few_put_cpu_us": ("PutItem, 10,000 items", "{:,.0f} us"),
    "many_put_cpu_us": ("PutItem, many items", "{:,.0f} us"),
    "many_put_in_few": ("the same, in those with 10,000 items", "{:.2f}"),
    "few_get_cpu_us": ("GetItem, 10,000 items", "{:,.0f} us"),
    "many_get_cpu_us": ("GetItem, many items", "{:,.0f} us"),
    "many_get_in_few": ("the same, in those with 10,000 items", "{:.2f}"),
    "few_query_cpu_us": ("Query of 100, 10,000 items", "{:,.0f} us"),
    "many_query_cpu_us": ("Query of 100, many items", "{:,.0f} us"),
    "many_query_in_few": ("the same, in those with 10,000 items", "{:.2f}"),
    "many_disk_mib": ("read from the disk for all of these", "{:,.0f} MiB"),
    "many_query_alone_ms": ("Query of 100, many items, one client, p50", "{:,.2f} ms"),
    "scan_items_per_second": ("items/s of a Scan", "{:,.0f}"),
    "scan_items_per_cpu_second": ("items of a Scan in a second of server CPU", "{:,.0f}"),
    "before_delete_put_p99_ms": ("PutItem before another table is deleted, p99", "{:,.1f} ms"),
    "beside_delete_put_p99_ms": ("PutItem while another table is deleted, p99", "{:,.1f} ms"),
    "many_memory_mib": ("peak memory with many items", "{:,.0f} MiB"),
    "clients_per_second": ("GetItem/s at half load, 64 of 1,000 connections busy", "{:,.0f}"),
    "clients_p50_ms": ("the same, p50", "{:,.2f} ms"),
    "clients_p99_ms": ("the same, p99", "{:,.2f} ms"),
    "clients_p99_to_p50": ("the same, p99 in p50s", "{:,.1f}"),
    "clients_least_share": ("the same, least served connection, of the mean", "{:.0%}"),
    "clients_cpu_us": ("the same, server CPU of a request", "{:,.0f} us"),
    "beside_stalled_p99_ms": ("the same, beside 200 clients that stall, p99", "{:,.2f} ms"),
    "beside_stalled_cpu_us": ("the same, beside 200 clients that stall", "{:,.0f} us"),
    "clients_memory_mib": ("peak memory with 1,000 connections", "{:,.0f} MiB"),
    "page_records": ("records of 1 KB in a page of GetRecords", "{:,.0f}"),
    "page_records_per_cpu_second": ("the same, read in a second of server CPU", "{:,.0f}"),
    "idle_shards_core": ("1,000 idle shards, each with a reader that waits", "{:.1%} of a core"),
    "busy_delay_p50_ms": ("write to function start at 1,000 writes/s, p50", "{:,.1f} ms"),
    "busy_delay_p99_ms": ("the same, p99", "{:,.1f} ms"),
    "pool_invoke_p50_ms": ("warm invocation in the pool, without HTTP, p50", "{:,.2f} ms"),
    "pool_invoke_p99_ms": ("the same, p99", "{:,.2f} ms"),
    "reader_delay_p50_ms": ("commit to a waiting reader in the server, p50", "{:,.2f} ms"),
    "reader_delay_p99_ms": ("the same, p99", "{:,.2f} ms"),
    "trimmed_entries": ("entries of a log that is trimmed beside puts", "{:,.0f}"),
    "trim_entries_per_second": ("the same, a second", "{:,.0f}"),
    "before_trim_put_p99_ms": ("PutItem with stream before a log is trimmed, p99", "{:,.1f} ms"),
    "beside_trim_put_p99_ms": ("PutItem with stream while a log is trimmed, p99", "{:,.1f} ms"),
    "beside_trim_put_p99_in_before": ("the same, in those before", "{:.2f}"),
    **{f"sink_{name}_per_second": (f"changes/s to {to}", "{:,.0f}") for name, to in _SINKS.items()},
    **{
        f"sink_{name}_cpu_us": (f"server CPU of a change to {to}", "{:,.0f} us")
        for name, to in _SINKS.items()
    },
    **{
        f"sink_{name}_delay_p50_ms": (f"commit of a change to {to}, p50", "{:,.1f} ms")
        for name, to in _SINKS.items()
    },
}


def rows(figures: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """What was measured, in the order above, as titles and values."""
    for name, (title, form) in FIGURES.items():
        if name in figures:
            yield title, form.format(figures[name])
