"""Writes the data of this example: a month of changes to the orders of an invented shop.

Run `python examples/orders/generate.py`; the same seed gives the same files.
"""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
SEED = 7
START = datetime(2025, 3, 1, 6, 0, tzinfo=UTC)
DAYS = 30
ORDERS = 900

COUNTRIES = ["CA", "CH", "DE", "FR", "NO", "US"]
CURRENCIES = {"CA": "CAD", "CH": "CHF", "DE": "EUR", "FR": "EUR", "NO": "NOK", "US": "USD"}
FIRST_NAMES = ["Ada", "Bruno", "Chloe", "Dario", "Edda", "Farid", "Greta", "Hugo", "Ines", "Jonas"]
LAST_NAMES = ["Adler", "Berg", "Costa", "Dubois", "Ekman", "Fischer", "Grant", "Holm", "Ito"]
PRODUCTS = [
    ("P-01", "Desk lamp", "home", 39.0),
    ("P-02", "Kettle", "kitchen", 54.5),
    ("P-03", "Rain jacket", "outdoor", 119.0),
    ("P-04", "Tent", "outdoor", 289.0),
    ("P-05", "Chef's knife", "kitchen", 84.9),
    ("P-06", "Wool blanket", "home", 72.0),
    ("P-07", "Head torch", "outdoor", 33.3),
    ("P-08", "Cutting board", "kitchen", 27.8),
]

Change = dict[str, Any]


def customers(generator: random.Random) -> list[tuple[str, str, str, str]]:
    """Return id, name, country and first day of each customer."""
    found = []
    for number in range(1, 181):
        name = f"{generator.choice(FIRST_NAMES)} {generator.choice(LAST_NAMES)}"
        since = (START - timedelta(days=generator.randint(1, 1500))).date().isoformat()
        found.append((f"C-{number:04d}", name, generator.choice(COUNTRIES), since))
    return found


def life_of_an_order(
    generator: random.Random, number: int, buyers: list[tuple[str, str, str, str]]
) -> list[Change]:
    """Return the changes of one order: created, paid, shipped; some end otherwise."""
    customer, _, country, _ = generator.choice(buyers)
    product, _, _, price = generator.choice(PRODUCTS)
    at = START + timedelta(seconds=generator.randint(0, DAYS * 86_400 - 1))
    order = {
        "order_id": f"O-{number:05d}",
        "customer_id": customer,
        "product_id": product,
        "quantity": generator.randint(1, 5),
        "unit_price": price,
        "currency": CURRENCIES[country],
    }
    statuses = ["created", "paid", "shipped"][: generator.choice([1, 2, 3, 3, 3])]
    if generator.random() < 0.05:
        statuses.append("deleted")
    changes = []
    for status in statuses:
        stamp = at.strftime("%Y-%m-%dT%H:%M:%SZ")
        changes.append({**order, "status": status, "changed_at": stamp})
        at += timedelta(minutes=generator.randint(5, 3_000))
    return changes


def plant_faults(generator: random.Random, changes: list[Change]) -> None:
    """Make 6 quantities zero or negative, 5 products unknown, 4 customers and 3 order ids null."""
    chosen = iter(generator.sample(range(len(changes)), 18))
    for number in range(6):
        changes[next(chosen)]["quantity"] = -number
    for _ in range(5):
        changes[next(chosen)]["product_id"] = "P-99"
    for _ in range(4):
        changes[next(chosen)]["customer_id"] = None
    for _ in range(3):
        changes[next(chosen)]["order_id"] = None


def write_csv(name: str, header: list[str], rows: list[tuple[Any, ...]]) -> None:
    """Write one CSV file."""
    with (DATA / name).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """Write all files."""
    generator = random.Random(SEED)
    folder = DATA / "order_changes"
    folder.mkdir(parents=True, exist_ok=True)
    buyers = customers(generator)
    write_csv("customers.csv", ["customer_id", "name", "country", "since"], buyers)
    products = [dict(zip(("product_id", "title", "category", "price"), row, strict=True))
                for row in PRODUCTS]  # fmt: skip
    (DATA / "products.json").write_text(json.dumps(products, indent=2) + "\n")
    changes = [c for n in range(1, ORDERS + 1) for c in life_of_an_order(generator, n, buyers)]
    plant_faults(generator, changes)
    weeks: dict[str, list[str]] = {}
    for change in sorted(changes, key=lambda change: change["changed_at"]):
        week = datetime.fromisoformat(change["changed_at"]).strftime("%G-W%V")
        weeks.setdefault(week, []).append(json.dumps(change))
    for week, lines in weeks.items():
        (folder / f"{week}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
