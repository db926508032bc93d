"""Tests of the tools in the tree."""
