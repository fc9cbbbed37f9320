"""Tests of the parts of the Spark engine that are pure functions."""
