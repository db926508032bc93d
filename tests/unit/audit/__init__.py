"""Tests of the proofs about what is stored."""
