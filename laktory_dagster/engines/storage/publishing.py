"""How the new files of a folder become its data: moved in, then one switch of the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from laktory_dagster.engines.base import Receipt
from laktory_dagster.engines.storage.layout import LOCK, MANIFEST, Layout
from laktory_dagster.engines.storage.receipts import (
    current_files,
    read_manifest_data,
    write_receipt,
    writer_of,
)

_APPENDED = "appended"
"""The tokens of the appends in a folder, in its manifest."""


def publish_files(
    layout: Layout, receipt: Receipt, move_in: Callable[[], list[str]], *, appends: bool
) -> list[str] | None:
    """Make staged files the data of a folder, beside those there or instead of them.

    `move_in` moves them into the folder and returns their names there. Readers see them from the
    switch of the manifest on.

    Returns:
        The names of the new files, None where an earlier attempt has published them.
    """
    with layout.store.locked(LOCK):
        manifest = read_manifest_data(layout)
        _remove_replaced(layout, manifest)
        earlier = manifest.get("receipts", {}).get(writer_of(receipt))
        if earlier and earlier["token"] == receipt.token and (appends or _same(earlier, receipt)):
            write_receipt(layout, Receipt.from_dict(earlier))
            return None
        if appends and receipt.token in manifest.get(_APPENDED, ()):
            return None
        before = current_files(layout) or []
        if not manifest:
            _write(layout, {"files": before, "receipts": {}})
        new = move_in()
        after = {
            "files": [*before, *new] if appends else new,
            "receipts": {**manifest.get("receipts", {}), writer_of(receipt): receipt.to_dict()},
            # Files of others stay: only what an earlier manifest of ours named is removed.
            "replaced": [] if appends else manifest.get("files", []),
            _APPENDED: _appended_with(manifest, receipt) if appends else [],
        }
        _write(layout, after)
        write_receipt(layout, receipt)
        _remove_replaced(layout, after)
        return new


def _same(earlier: Mapping[str, Any], receipt: Receipt) -> bool:
    return bool(earlier["code_version"] == receipt.code_version)


def _appended_with(manifest: Mapping[str, Any], receipt: Receipt) -> list[str]:
    """Return the tokens of the appends, this one among them.

    The batches of a stream are not: its checkpoint knows them.
    """
    earlier = list(manifest.get(_APPENDED, ()))
    return earlier if receipt.stream is not None else [*earlier, receipt.token]


def _write(layout: Layout, manifest: Mapping[str, Any]) -> None:
    layout.store.write(MANIFEST, json.dumps(manifest).encode())


def _remove_replaced(layout: Layout, manifest: Mapping[str, Any]) -> None:
    for name in manifest.get("replaced", ()):
        layout.store.delete(name)
