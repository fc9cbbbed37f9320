"""`make bench`: what the package costs against hand-written code and the reference, in one run.

    python -m benchmarks [--rows 5000000] [--rounds 3] [--work DIR] [--no-reference]

Every figure is the median of several rounds, each a process of its own, taken in turns. The cost
on ten rows is taken off and reported apart as start-up. The reference package is installed into an
environment of its own below the work folder.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.data import make
from benchmarks.measure import Cost, median_cost, paired

HERE = Path(__file__).parent
PYTHON = sys.executable
CLI = [PYTHON, "-m", "laktory_dagster.cli.main"]


def row(name: str, cost: Cost) -> str:
    """Return one line of a table."""
    return f"  {name:<34}{cost.wall:>9.2f} s{cost.cpu:>10.2f} s{cost.memory:>9.0f} MB"


def compare(title: str, costs: dict[str, Cost], ours: str, other: str) -> dict[str, float]:
    """Print a pair of commands on many rows and on ten, and return the ratios."""
    print(f"\n{title}\n  {'':<34}{'wall':>11}{'CPU':>12}{'peak':>12}")
    for name, cost in costs.items():
        print(row(name, cost))
    net_ours = costs[ours].minus(costs[f"{ours}, ten rows"])
    net_other = costs[other].minus(costs[f"{other}, ten rows"])
    ratios = {
        "wall": net_ours.wall / net_other.wall,
        "cpu": net_ours.cpu / net_other.cpu,
        "memory": net_ours.memory / net_other.memory,
    }
    shown = ", ".join(f"{key} {value:.2f} x" for key, value in ratios.items())
    print(f"  {ours} / {other}, start-up taken off: {shown}")
    return ratios


def example(work: Path, rows: int, rounds: int) -> dict[str, float]:
    """Compare the stock-prices example through Dagster with the hand-written script."""
    commands: dict[str, list[str]] = {}
    for size, suffix in ((rows, ""), (10, ", ten rows")):
        project = work / f"rows_{size}"
        make(project, size)
        out = work / f"out_{size}"
        hand = [PYTHON, "-m", "benchmarks.handwritten", str(project), str(out / "hand")]
        ours = [*CLI, "run", str(project / "pipeline.yaml"), "--warehouse", str(out / "ours")]
        commands[f"by hand{suffix}"] = hand
        commands[f"this package{suffix}"] = ours
    home = Path(tempfile.mkdtemp(dir=work))
    costs = paired(commands, rounds, {"DAGSTER_HOME": str(home)})
    shutil.rmtree(home, ignore_errors=True)
    return compare(f"Example pipeline, {rows:,} events", costs, "this package", "by hand")


def reference(work: Path, rows: int, rounds: int, python: str) -> dict[str, float]:
    """Compare one YAML file in this package and in the reference, both by `execute()`."""
    commands: dict[str, list[str]] = {}
    template = (HERE / "peer_pipeline.yaml").read_text()
    for size, suffix in ((rows, ""), (10, ", ten rows")):
        project = work / f"rows_{size}"
        make(project, size)
        for name, package, runner in (
            ("this package", "ours", PYTHON),
            ("reference", "reference", python),
        ):
            out = work / f"peer_{size}_{package}"
            out.mkdir(exist_ok=True)
            file = out / "pipeline.yaml"
            text = template.replace("DATA", str(project / "data")).replace("OUT", str(out))
            file.write_text(text)
            commands[f"{name}{suffix}"] = [runner, str(HERE / "peer.py"), package, str(file)]
    costs = paired(commands, rounds)
    return compare(f"One YAML file, {rows:,} events", costs, "this package", "reference")


def reference_python(work: Path) -> str:
    """Return a Python that has the reference package, installing it on first use."""
    python = work / "reference" / "bin" / "python"
    if not python.exists():
        subprocess.run([PYTHON, "-m", "venv", str(work / "reference")], check=True)
        packages = ["laktory==0.13.1", "polars==1.31.0"]
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
    return str(python)


def part(*words: str) -> dict[str, float]:
    """Return the figures of one part of `scale.py`, run in a process of its own."""
    return output_of([PYTHON, "-m", "benchmarks.scale", *words])


def output_of(command: list[str]) -> dict[str, float]:
    """Return the figures that a command prints as its last line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr[-3000:])
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def scale() -> dict[str, dict[str, float]]:
    """Print what reading, planning and loading cost by size, and what a trivial node costs."""
    found: dict[str, dict[str, float]] = {}
    print("\nReading, checking, planning (validate) and loading into Dagster (load), CPU seconds")
    for kind, sizes in (("", (100, 1_000, 10_000)), ("_chain", (5_000,))):
        for size in sizes:
            for what in (f"validate{kind}", f"load{kind}"):
                found[f"{what} {size}"] = figures = part(what, str(size))
                print(f"  {what:<16}{size:>7,} nodes {figures['cpu']:>8.2f} s")
    print("\nTrivial Parquet nodes through Dagster, above the same by hand: a script | own assets")
    for steps in ("node", "fused"):
        found[f"nodes {steps}"] = figures = part("nodes", "50", steps)
        print(
            f"  steps: {steps:<8}{figures['per_node_ms']:>8.1f} | {figures['per_asset_ms']:.1f} ms a node"
        )
    return found


def spark(work: Path, rows: int, rounds: int) -> dict[str, float]:
    """Compare the example on Spark with the same by hand, from a session that is there already."""
    project = work / f"rows_{rows}"
    make(project, rows)
    found: dict[str, list[dict[str, float]]] = {"by hand": [], "this package": []}
    for _ in range(rounds):
        for kind, name in (("hand", "by hand"), ("ours", "this package")):
            command = ["-m", "benchmarks.spark", kind, str(project), str(work / f"spark_{kind}")]
            found[name].append(output_of([PYTHON, *command]))
    print(f"\nExample pipeline on Spark, {rows:,} events, without the session's start")
    print(f"  {'':<34}{'wall':>11}{'CPU':>12}{'peak':>12}")
    costs = {
        name: median_cost([Cost(f["wall"], f["cpu"], f["memory"]) for f in runs])
        for name, runs in found.items()
    }
    for name, cost in costs.items():
        print(row(name, cost))
    ours, hand = costs["this package"], costs["by hand"]
    sessions = max(f["contexts"] for f in found["this package"])
    ratios = {
        "wall": ours.wall / hand.wall,
        "cpu": ours.cpu / hand.cpu,
        "memory": ours.memory / hand.memory,
    }
    shown = ", ".join(f"{key} {value:.2f} x" for key, value in ratios.items())
    print(f"  this package / by hand: {shown}; {sessions:.0f} session a run")
    return {**ratios, "sessions": sessions}


def imports(rounds: int) -> dict[str, float]:
    """Print what importing costs, beside an empty interpreter."""
    commands = {
        "python": [PYTHON, "-c", "pass"],
        "import laktory_dagster": [PYTHON, "-c", "import laktory_dagster"],
        "import its models": [PYTHON, "-c", "from laktory_dagster import models"],
    }
    costs = paired(commands, max(rounds, 5))
    print("\nImports")
    for name, cost in costs.items():
        print(row(name, cost))
    return {name: cost.wall for name, cost in costs.items()}


def main() -> None:
    """Run every comparison and keep the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=HERE / ".data")
    parser.add_argument("--no-reference", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    work = options.work.resolve()
    figures: dict[str, object] = {"rows": options.rows, "imports": imports(options.rounds)}
    figures["example"] = example(work, options.rows, options.rounds)
    if importlib.util.find_spec("pyspark") is not None:
        figures["spark"] = spark(work, options.rows, options.rounds)
    if not options.no_reference:
        python = reference_python(work)
        figures["reference"] = reference(work, options.rows, options.rounds, python)
    figures["scale"] = scale()
    (work / "figures.json").write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
