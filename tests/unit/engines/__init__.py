"""Tests of the parts of engines that are pure functions."""
