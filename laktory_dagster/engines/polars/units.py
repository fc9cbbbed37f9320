"""Units of measure and the factors between them, from the definitions of the SI."""

from __future__ import annotations

import polars as pl

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.suggest import hint_for

# Kind of quantity, then factor to the kind's first unit.
_FACTORS: dict[str, dict[str, float]] = {
    "length": {
        "m": 1.0, "mm": 1e-3, "cm": 1e-2, "km": 1e3, "um": 1e-6, "in": 0.0254, "ft": 0.3048,
        "yd": 0.9144, "mi": 1609.344, "nmi": 1852.0,
    },
    "mass": {"kg": 1.0, "g": 1e-3, "mg": 1e-6, "t": 1e3, "lb": 0.45359237, "oz": 0.028349523125},
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0, "day": 86400.0},
    "speed": {"m/s": 1.0, "km/h": 1 / 3.6, "mph": 0.44704, "ft/s": 0.3048, "kt": 1852 / 3600},
    "pressure": {
        "Pa": 1.0, "hPa": 1e2, "kPa": 1e3, "MPa": 1e6, "bar": 1e5, "mbar": 1e2, "atm": 101325.0,
        "psi": 6894.757293168361,
    },
    "energy": {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3600.0, "kWh": 3.6e6, "cal": 4.184, "kcal": 4184.0},
    "power": {"W": 1.0, "kW": 1e3, "MW": 1e6, "hp": 745.6998715822702},
    "volume": {"m3": 1.0, "l": 1e-3, "L": 1e-3, "ml": 1e-6, "gal": 0.003785411784, "ft3": 0.028316846592},
    "area": {"m2": 1.0, "cm2": 1e-4, "km2": 1e6, "ha": 1e4, "ft2": 0.09290304, "acre": 4046.8564224},
    "force": {"N": 1.0, "kN": 1e3, "lbf": 4.4482216152605},
    "angle": {"rad": 1.0, "deg": 0.017453292519943295},
}  # fmt: skip
# Kelvin = value * factor + offset.
_TEMPERATURES = {
    "K": (1.0, 0.0),
    "degC": (1.0, 273.15),
    "C": (1.0, 273.15),
    "degF": (5 / 9, 459.67 * 5 / 9),
    "F": (5 / 9, 459.67 * 5 / 9),
}


def convert(x: pl.Expr, input_unit: str, output_unit: str) -> pl.Expr:
    """Return values in another unit of the same kind of quantity.

    Raises:
        ExpressionError: a unit is unknown, or the two measure different things.
    """
    if input_unit in _TEMPERATURES and output_unit in _TEMPERATURES:
        factor, offset = _TEMPERATURES[input_unit]
        out_factor, out_offset = _TEMPERATURES[output_unit]
        return (x * factor + offset - out_offset) / out_factor
    kind, other = _kind(input_unit), _kind(output_unit)
    if kind != other:
        raise ExpressionError(
            f"`{input_unit}` ({kind}) cannot be converted to `{output_unit}` ({other})"
        )
    return x * (_FACTORS[kind][input_unit] / _FACTORS[kind][output_unit])


def _kind(unit: str) -> str:
    for kind, factors in _FACTORS.items():
        if unit in factors:
            return kind
    if unit in _TEMPERATURES:
        return "temperature"
    known = [name for factors in _FACTORS.values() for name in factors]
    raise ExpressionError(
        f"the unit `{unit}` is not known", hint=hint_for(unit, [*known, *_TEMPERATURES])
    )
