"""Tests of single modules: no I/O, no sleep."""
