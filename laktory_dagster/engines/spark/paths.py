"""Paths as Spark takes them: a pattern, unless its marks are escaped."""

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "[]{}*?\\"})


def literal(path: str) -> str:
    """Return a path that means itself and no pattern."""
    return path.translate(_MARKS)
