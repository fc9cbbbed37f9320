"""What the package costs, measured: `make bench`; never part of the tests."""
