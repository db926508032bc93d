"""Tests: unit, contract, model, conformance, scenarios, benchmarks, and the tidy test."""
