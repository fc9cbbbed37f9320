"""Parts that `run.py` times in processes of their own: `scale.py PART [NUMBER]`; prints JSON."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

NODE = """\
  - name: n{index}
    layer: SILVER
    source: {{{source}}}
    transformer:
      nodes:
        - func_name: with_columns
          func_kwargs: {{y: pl.col("x") + {index}}}
    expectations:
      - {{name: positive, expression: x > 0, action: DROP}}
    sink: {{table_name: n{index}}}
"""


# As the command line runs them: events are stored, not printed as well.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def wide(nodes: int) -> str:
    """Return a pipeline of five layers, every node reading one of the layer before."""
    per_layer = max(1, nodes // 5)
    texts = ["name: wide\ndataframe_type: POLARS\nnodes:\n"]
    for index in range(nodes):
        source = "path: in" if index < per_layer else f"node_name: n{index - per_layer}"
        texts.append(NODE.format(index=index, source=source))
    return "".join(texts)


def chain(nodes: int) -> str:
    """Return a pipeline of nodes with sinks, each reading the one before."""
    texts = ["name: chain\ndataframe_type: POLARS\nnodes:\n"]
    for index in range(nodes):
        source = "path: in" if index == 0 else f"node_name: n{index - 1}"
        texts.append(NODE.format(index=index, source=source))
    return "".join(texts)


def timed(work: Any) -> dict[str, float]:
    """Return wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def validate(text: str) -> dict[str, float]:
    """Time reading, checking and planning a file."""
    from laktory_dagster.project import load_plan

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(text)
        return timed(lambda: load_plan(file))


def load(text: str) -> dict[str, float]:
    """Time the same and building the definitions that a code server holds, beside its import."""
    import dagster

    from laktory_dagster import build_definitions

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(text)

        def work() -> None:
            definitions = build_definitions(file)
            dagster.Definitions.validate_loadable(definitions)

        return timed(work)


def by_dagster(root: Path, count: int, steps: str) -> Any:
    """Return Dagster's assets as a person writes them for the same nodes: own steps, or one."""
    import dagster as dg
    import polars as pl

    (root / "assets").mkdir()

    def copy(index: int) -> dg.MaterializeResult[Any]:
        target = root / "assets" / f"n{index}.parquet"
        pl.scan_parquet(root / "in.parquet").sink_parquet(target)
        rows = pl.scan_parquet(target).select(pl.len()).collect().item()
        return dg.MaterializeResult(asset_key=f"n{index}", metadata={"dagster/row_count": rows})

    def single(index: int) -> Any:
        return dg.asset(name=f"n{index}", deps=["incoming"])(lambda: copy(index))

    if steps == "node":
        return dg.Definitions(assets=[single(index) for index in range(count)])

    @dg.multi_asset(specs=[dg.AssetSpec(f"n{index}", deps=["incoming"]) for index in range(count)])
    def everything() -> Any:
        yield from (copy(index) for index in range(count))

    return dg.Definitions(assets=[everything])


def nodes(count: int, steps: str) -> dict[str, float]:
    """Time a run of trivial Parquet nodes through Dagster, in one process."""
    import dagster
    import polars as pl

    from laktory_dagster import build_definitions

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pl.DataFrame({"x": [1, 2, 3]}).write_parquet(root / "in.parquet")
        text = f"name: trivial\nsteps: {steps}\nnodes:\n" + "".join(
            f"  - name: n{i}\n    source: {{path: in.parquet, format: PARQUET}}\n"
            f"    sink: {{path: out/n{i}.parquet, format: PARQUET}}\n"
            for i in range(count)
        )
        (root / "pipeline.yaml").write_text(text)

        def execute(definitions: Any) -> dict[str, float]:
            with dagster.DagsterInstance.local_temp() as instance:
                job = definitions.resolve_implicit_global_asset_job_def()
                return timed(lambda: job.execute_in_process(run_config=QUIET, instance=instance))

        result = execute(build_definitions(root / "pipeline.yaml"))
        assets = execute(by_dagster(root, count, steps))

        def by_hand() -> None:
            (root / "hand").mkdir()
            for i in range(count):
                pl.scan_parquet(root / "in.parquet").sink_parquet(root / "hand" / f"n{i}.parquet")

        hand = timed(by_hand)
    return {
        **result,
        "hand_wall": hand["wall"],
        "assets_wall": assets["wall"],
        "per_node_ms": (result["wall"] - hand["wall"]) / count * 1000,
        "per_asset_ms": (result["wall"] - assets["wall"]) / count * 1000,
    }


def main(part: str, number: str = "0", extra: str = "") -> None:
    """Run one part and print its figures."""
    count = int(number)
    parts = {
        "validate": lambda: validate(wide(count)),
        "validate_chain": lambda: validate(chain(count)),
        "load": lambda: load(wide(count)),
        "load_chain": lambda: load(chain(count)),
        "nodes": lambda: nodes(count, extra),
    }
    print(json.dumps(parts[part]()))


if __name__ == "__main__":
    main(*sys.argv[1:])
