"""Stand-ins for users' assets that nodes read, in a location that holds nothing but pipelines."""

from __future__ import annotations

from typing import Any

import dagster as dg

from laktory_dagster.dagster.keys import NO_ASSET
from laktory_dagster.errors import ReadError


class MissingAssetIOManager(dg.IOManager):
    """Loads nothing: it stands for an asset that the location does not have."""

    def load_input(self, context: dg.InputContext) -> Any:
        """Raise Failure for the node that reads the asset."""
        key = context.asset_key.to_user_string()
        error = ReadError(
            f"the asset `{key}` is not in this code location",
            expected="a Dagster asset of your own with that key",
            hint="load it together with the pipelines: `dg.Definitions.merge(build_definitions(..),"
            " dg.Definitions(assets=[..]))`",
        )
        raise dg.Failure(description=str(error), allow_retries=False)

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Refuse: nothing writes an asset that is not there."""
        raise NotImplementedError


def with_stand_ins(definitions: dg.Definitions) -> dg.Definitions:
    """Return definitions that load though assets are missing that nodes read.

    Without them Dagster refuses the whole location. To be used where no assets are merged: a
    stand-in and the asset itself would be two of one key.
    """
    assets = [a for a in definitions.assets or () if isinstance(a, dg.AssetsDefinition)]
    specs = [a for a in definitions.assets or () if isinstance(a, dg.AssetSpec)]
    there = {key for asset in assets for key in asset.keys} | {spec.key for spec in specs}
    read = {key for asset in assets for key in asset.keys_by_input_name.values()}
    missing = sorted(read - there)
    if not missing:
        return definitions
    stand_ins = [
        dg.AssetSpec(
            key,
            group_name="missing",
            description="A node reads this asset, and the code location does not have it.",
        ).with_io_manager_key(NO_ASSET)
        for key in missing
    ]
    more = dg.Definitions(assets=stand_ins, resources={NO_ASSET: MissingAssetIOManager()})
    return dg.Definitions.merge(definitions, more)
