"""Databases that warehouses are kept in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer
from tests.warehouse_places import DuckDBPlace, PostgresPlace


@pytest.fixture
def duckdb_warehouse(tmp_path: Path) -> DuckDBPlace:
    return DuckDBPlace(tmp_path)


@pytest.fixture
def postgres_warehouse(postgres: PostgresServer, tmp_path: Path) -> PostgresPlace:
    place = PostgresPlace(tmp_path, postgres.address, tmp_path.name)
    place.run(f'CREATE SCHEMA "{tmp_path.name}"')
    return place
