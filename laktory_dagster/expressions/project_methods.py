"""Methods of expressions that modules of a project add: `nw.col("x").finance.double()`.

Reading a plan knows them from the texts of the modules, for as long as it reads; a run knows those
that were registered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from laktory_dagster.models.namespaces import registered_methods

_read: ContextVar[frozenset[str] | None] = ContextVar("read_methods", default=None)


@contextmanager
def methods_of_project(names: Collection[str]) -> Iterator[None]:
    """Know these methods, named `namespace.method`, and no others within."""
    token = _read.set(frozenset(names))
    try:
        yield
    finally:
        _read.reset(token)


def project_methods() -> frozenset[str]:
    """Return the methods known here."""
    read = _read.get()
    return registered_methods() if read is None else read
