"""The garbage collector out of the way while very many objects are made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause garbage collection: making many small containers triggers full ones that find nothing.

    Within a pause it does nothing, and as a decorator it pauses for the call.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            # Ages what was made, so that enabling does not walk all of it at once.
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def keep_for_good() -> None:
    """Leave all that lives now out of later collections, until the next call.

    For what a process holds until it ends: the definitions of 10,000 nodes are millions of objects,
    and each full collection would walk them (2 s while Dagster loads them). What the call before
    left out is given back first, so that definitions that were replaced are freed.
    """
    gc.unfreeze()
    gc.freeze()
