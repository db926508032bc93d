"""Tests of values and their stored bytes."""
