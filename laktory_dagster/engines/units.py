"""Units of measure and how to get from one to the other."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.suggest import hint_for

# What is measured: the names of each unit and how many of the first unit it is.
_LINEAR: Mapping[str, Mapping[str, float]] = {
    "length": {
        "m meter meters metre metres": 1.0,
        "mm millimeter millimeters": 1e-3,
        "cm centimeter centimeters": 1e-2,
        "dm decimeter decimeters": 1e-1,
        "km kilometer kilometers": 1e3,
        "um micrometer micrometers micron microns": 1e-6,
        "nm nanometer nanometers": 1e-9,
        "in inch inches": 0.0254,
        "ft foot feet": 0.3048,
        "yd yard yards": 0.9144,
        "mi mile miles": 1609.344,
        "nmi nautical_mile nautical_miles": 1852.0,
    },
    "mass": {
        "kg kilogram kilograms": 1.0,
        "g gram grams": 1e-3,
        "mg milligram milligrams": 1e-6,
        "ug microgram micrograms": 1e-9,
        "t tonne tonnes metric_ton metric_tons": 1e3,
        "lb lbs lbm pound pounds": 0.45359237,
        "oz ounce ounces": 0.028349523125,
        "st stone stones": 6.35029318,
        "short_ton short_tons ton tons": 907.18474,
        "long_ton long_tons": 1016.0469088,
    },
    "time": {
        "s sec second seconds": 1.0,
        "ns nanosecond nanoseconds": 1e-9,
        "us microsecond microseconds": 1e-6,
        "ms millisecond milliseconds": 1e-3,
        "min minute minutes": 60.0,
        "h hr hour hours": 3600.0,
        "d day days": 86_400.0,
        "week weeks": 604_800.0,
        "yr year years": 31_557_600.0,
    },
    "speed": {
        "m/s mps": 1.0,
        "km/h kph kmh": 1 / 3.6,
        "km/s": 1e3,
        "mph mi/h mile_per_hour": 0.44704,
        "ft/s fps": 0.3048,
        "ft/min fpm": 0.00508,
        "kt kts kn knot knots": 1852 / 3600,
    },
    "acceleration": {
        "m/s2 m/s^2 m/s**2": 1.0,
        "ft/s2 ft/s^2 ft/s**2": 0.3048,
        "g0 g_0 gee": 9.80665,
    },
    "pressure": {
        "Pa pascal pascals": 1.0,
        "hPa hectopascal": 1e2,
        "kPa kilopascal kilopascals": 1e3,
        "MPa megapascal megapascals": 1e6,
        "GPa gigapascal": 1e9,
        "bar bars": 1e5,
        "mbar millibar millibars": 1e2,
        "atm atmosphere atmospheres": 101_325.0,
        "psi": 6894.757293168361,
        "psf": 47.88025898033584,
        "torr mmHg": 101_325 / 760,
        "inHg": 3386.389,
    },
    "energy": {
        "J joule joules": 1.0,
        "kJ kilojoule kilojoules": 1e3,
        "MJ megajoule megajoules": 1e6,
        "GJ gigajoule": 1e9,
        "Wh watt_hour": 3600.0,
        "kWh kilowatt_hour": 3.6e6,
        "MWh": 3.6e9,
        "cal calorie calories": 4.184,
        "kcal kilocalorie kilocalories": 4184.0,
        "eV electron_volt": 1.602176634e-19,
        "BTU btu": 1055.05585262,
        "ft_lbf": 1.3558179483314004,
    },
    "power": {
        "W watt watts": 1.0,
        "mW milliwatt": 1e-3,
        "kW kilowatt kilowatts": 1e3,
        "MW megawatt megawatts": 1e6,
        "GW gigawatt": 1e9,
        "hp horsepower": 745.6998715822702,
        "BTU/h": 0.2930710701722222,
    },
    "force": {
        "N newton newtons": 1.0,
        "kN kilonewton": 1e3,
        "lbf pound_force": 4.4482216152605,
        "kgf kilogram_force": 9.80665,
    },
    "volume": {
        "m3 m^3 m**3 cubic_meter cubic_meters": 1.0,
        "L l liter liters litre litres": 1e-3,
        "mL ml milliliter milliliters cm3": 1e-6,
        "hL hectoliter": 0.1,
        "ft3 ft^3 cubic_foot cubic_feet": 0.028316846592,
        "in3 in^3 cubic_inch cubic_inches": 1.6387064e-5,
        "gal gallon gallons": 3.785411784e-3,
        "imperial_gallon imperial_gallons": 4.54609e-3,
        "qt quart quarts": 9.46352946e-4,
        "pt pint pints": 4.73176473e-4,
        "cup cups": 2.365882365e-4,
        "fl_oz fluid_ounce fluid_ounces": 2.95735295625e-5,
        "bbl barrel barrels": 0.158987294928,
    },
    "area": {
        "m2 m^2 m**2 square_meter square_meters": 1.0,
        "mm2 mm^2": 1e-6,
        "cm2 cm^2": 1e-4,
        "km2 km^2": 1e6,
        "ha hectare hectares": 1e4,
        "ft2 ft^2 square_foot square_feet": 0.09290304,
        "in2 in^2 square_inch": 6.4516e-4,
        "acre acres": 4046.8564224,
        "mi2 mi^2 square_mile": 2_589_988.110336,
    },
    "density": {
        "kg/m3 kg/m^3": 1.0,
        "g/cm3 g/cm^3": 1e3,
        "lb/ft3 lb/ft^3": 16.018463373960138,
    },
    "flow": {
        "m3/s": 1.0,
        "m3/h": 1 / 3600,
        "L/s l/s": 1e-3,
        "L/min l/min": 1e-3 / 60,
        "gpm gal/min": 3.785411784e-3 / 60,
        "cfm ft3/min": 0.028316846592 / 60,
    },
    "angle": {
        "rad radian radians": 1.0,
        "deg degree degrees": 0.017453292519943295,
        "rev revolution revolutions turn": 6.283185307179586,
        "arcmin": 2.908882086657216e-4,
        "arcsec": 4.84813681109536e-6,
    },
    "frequency": {
        "Hz hertz": 1.0,
        "kHz kilohertz": 1e3,
        "MHz megahertz": 1e6,
        "GHz gigahertz": 1e9,
        "rpm": 1 / 60,
    },
    "data": {
        "B byte bytes": 1.0,
        "bit bits": 0.125,
        "kB KB kilobyte kilobytes": 1e3,
        "MB megabyte megabytes": 1e6,
        "GB gigabyte gigabytes": 1e9,
        "TB terabyte terabytes": 1e12,
        "KiB kibibyte": 1024.0,
        "MiB mebibyte": 1024.0**2,
        "GiB gibibyte": 1024.0**3,
        "TiB tebibyte": 1024.0**4,
    },
    "ratio": {"1 unit fraction": 1.0, "% percent pct": 1e-2, "ppm": 1e-6, "ppb": 1e-9},
}
# Names of each scale, its kelvins per degree, and the kelvins at its zero.
_TEMPERATURES: Mapping[str, tuple[Fraction, Fraction]] = {
    "K kelvin": (Fraction(1), Fraction(0)),
    "C degC celsius °C": (Fraction(1), Fraction("273.15")),
    "F degF fahrenheit °F": (Fraction(5, 9), Fraction("459.67") * 5 / 9),
    "R degR rankine": (Fraction(5, 9), Fraction(0)),
}

_Unit = tuple[str, Fraction, Fraction]
_UNITS: Mapping[str, _Unit] = {
    name: unit
    for names, unit in [
        *(
            (n, (kind, Fraction(repr(f)), Fraction(0)))
            for kind, units in _LINEAR.items()
            for n, f in units.items()
        ),
        *((n, ("temperature", *scale)) for n, scale in _TEMPERATURES.items()),
    ]
    for name in names.split()
}


def conversion(source: str, target: str) -> tuple[Fraction, Fraction]:
    """Return by what to multiply a quantity, and what to add then, as exact as units are defined.

    Raises:
        ExpressionError: A unit is unknown, or the two measure different things.
    """
    kind, factor, zero = _unit(source)
    other_kind, other_factor, other_zero = _unit(target)
    if kind != other_kind:
        raise ExpressionError(
            f"`{source}` measures {kind}, `{target}` measures {other_kind}",
            expected=f"two units of one kind, such as {', '.join(_of_kind(kind)[:6])}",
        )
    return factor / other_factor, (zero - other_zero) / other_factor


def _unit(name: str) -> _Unit:
    unit = _UNITS.get(name) or _UNITS.get(name.strip())
    if unit is None:
        raise ExpressionError(f"there is no unit `{name}`", hint=hint_for(name, _UNITS))
    return unit


def _of_kind(kind: str) -> list[str]:
    return [name for name, unit in _UNITS.items() if unit[0] == kind]
