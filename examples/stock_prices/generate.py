"""Writes the data of this example: one trading year of invented companies, with planted faults.

Run `python examples/stock_prices/generate.py`; the same seed gives the same files.
"""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
SEED = 20250102
FIRST_DAY = date(2025, 1, 2)
LAST_DAY = date(2025, 12, 30)

COMPANIES = [
    ("ALDR", "Alder Motors", "Automobiles", "USD", 84.0, 0.021),
    ("BRKN", "Brackenfield Foods", "Food", "USD", 41.5, 0.009),
    ("CIRR", "Cirrus Looms", "Textiles", "EUR", 17.2, 0.017),
    ("DUNE", "Dune Solar", "Energy", "USD", 63.9, 0.028),
    ("ELMW", "Elmwood Paper", "Materials", "CAD", 29.4, 0.011),
    ("FJRD", "Fjord Shipping", "Transport", "NOK", 212.0, 0.016),
    ("GLAS", "Glasswright", "Materials", "EUR", 96.3, 0.012),
    ("HERN", "Heron Software", "Software", "USD", 148.7, 0.024),
    ("IRIS", "Iris Optics", "Health", "USD", 73.1, 0.015),
    ("JUNI", "Juniper Pharma", "Health", "CHF", 188.5, 0.014),
    ("KELP", "Kelp Marine", "Food", "CAD", 22.8, 0.019),
    ("LUMN", "Lumen Grid", "Energy", "EUR", 54.6, 0.013),
]

Event = dict[str, Any]


def trading_days() -> list[date]:
    """Return the week days of the year."""
    days = (LAST_DAY - FIRST_DAY).days + 1
    found = (FIRST_DAY + timedelta(days=offset) for offset in range(days))
    return [day for day in found if day.weekday() < 5]


def daily_bar(generator: random.Random, previous: float, swing: float) -> dict[str, float]:
    """Return open, high, low and close of a day that starts near the previous close."""
    opened = previous * (1 + generator.gauss(0, swing / 3))
    closed = opened * (1 + generator.gauss(0.0004, swing))
    high = max(opened, closed) * (1 + abs(generator.gauss(0, swing / 3)))
    low = min(opened, closed) * (1 - abs(generator.gauss(0, swing / 3)))
    bar = {"open": opened, "high": high, "low": low, "close": closed}
    return {name: round(value, 2) for name, value in bar.items()}


def good_events(generator: random.Random) -> list[Event]:
    """Return one event for each company and trading day."""
    events = []
    close = {symbol: start for symbol, _, _, _, start, _ in COMPANIES}
    for day in trading_days():
        published = datetime(day.year, day.month, day.day, 21, 5, tzinfo=UTC)
        for symbol, _, _, _, _, swing in COMPANIES:
            bar = daily_bar(generator, close[symbol], swing)
            close[symbol] = bar["close"]
            volume = int(generator.lognormvariate(13, 0.6))
            data = {"symbol": symbol, "traded_on": day.isoformat(), **bar, "volume": volume}
            published += timedelta(seconds=generator.randint(1, 4))
            events.append(_event(len(events), published, data))
    return events


def _event(number: int, published: datetime, data: dict[str, Any]) -> Event:
    return {
        "event_id": f"evt-{number:06d}",
        "name": "stock_price",
        "producer": "closing-bell",
        "created_at": published.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "data": data,
    }


def plant_faults(generator: random.Random, events: list[Event]) -> list[Event]:
    """Return the events with faults as real feeds have them, in order of publication.

    Delivered twice: 60. Corrected an hour later (the later one is right): 25. Price of zero or
    below: 9. High and low swapped: 7. No symbol: 6. No volume: 12. Symbol that nobody knows: 4.
    """
    chosen = generator.sample(range(len(events)), 123)
    taken = iter(chosen)
    added = [dict(events[next(taken)]) for _ in range(60)]
    added += [_correction(events[next(taken)]) for _ in range(25)]
    for number in range(9):
        events[next(taken)]["data"]["close"] = 0.0 if number % 3 == 0 else -1.0
    for _ in range(7):
        bar = events[next(taken)]["data"]
        bar["high"], bar["low"] = round(bar["low"] - 0.01, 2), round(bar["high"] + 0.01, 2)
    for _ in range(6):
        events[next(taken)]["data"]["symbol"] = None
    for _ in range(12):
        events[next(taken)]["data"]["volume"] = None
    for _ in range(4):
        events[next(taken)]["data"]["symbol"] = "ZZZZ"
    return sorted(events + added, key=lambda event: (event["created_at"], event["event_id"]))


def _correction(event: Event) -> Event:
    published = datetime.fromisoformat(event["created_at"]) + timedelta(hours=1)
    data = {**event["data"], "volume": event["data"]["volume"] + 1_000}
    number = int(event["event_id"].removeprefix("evt-")) + 900_000
    return _event(number, published, data)


def write_events(events: list[Event]) -> None:
    """Write the events as JSON lines, a file per month."""
    folder = DATA / "events"
    folder.mkdir(parents=True, exist_ok=True)
    months: dict[str, list[str]] = {}
    for event in events:
        line = json.dumps(event, separators=(",", ":"))
        months.setdefault(event["created_at"][:7], []).append(line)
    for month, lines in months.items():
        (folder / f"{month}.json").write_text("\n".join(lines) + "\n")


def write_companies() -> None:
    """Write what is known of the companies as CSV."""
    with (DATA / "companies.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["symbol", "company", "sector", "currency"])
        writer.writerows(company[:4] for company in COMPANIES)


def main() -> None:
    """Write all files."""
    generator = random.Random(SEED)
    write_events(plant_faults(generator, good_events(generator)))
    write_companies()


if __name__ == "__main__":
    main()
