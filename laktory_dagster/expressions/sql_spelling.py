"""Names of columns in any case, as Spark reads them, in the spelling of the tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlglot import exp


def spell_as_tables(tree: exp.Expr, columns: Collection[str]) -> exp.Expr:
    """Return the query with the names of columns and tables as they are spelled where they come from.

    What the query gives is called as it was written. A name that is there in this spelling, and one
    that fits several, stays.

    Args:
        tree: the query; it is changed.
        columns: the columns of all its tables.
    """
    aliases = list(tree.find_all(exp.TableAlias))
    tables = _Spelling({alias.name for alias in aliases})
    read = _Spelling({*columns, *(name.name for alias in aliases for name in alias.columns)})
    given = _Spelling({alias.alias for alias in tree.find_all(exp.Alias)})
    for item in list(_first_select(tree).expressions):
        if isinstance(item, exp.Column) and read.of(item.name) != item.name:
            item.replace(exp.alias_(item.copy(), item.name, quoted=True))
    for column in tree.find_all(exp.Column):
        _respell_column(column, (_results_around(column), read, given), tables)
    for join in tree.find_all(exp.Join):
        for name in join.args.get("using") or ():
            _respell(name, (read, given))
    return tree


def _first_select(tree: exp.Expr) -> exp.Expr:
    while not isinstance(tree, exp.Select):
        tree = tree.this
    return tree


def _results_around(column: exp.Expr) -> _Spelling:
    """Return the results that come before columns where a name stands: in HAVING, QUALIFY, ORDER BY."""
    place = column.find_ancestor(exp.AggFunc, exp.Having, exp.Order, exp.Qualify, exp.Query)
    if place is None or not isinstance(place.parent, exp.Query) or isinstance(place, exp.Query):
        return _Spelling(())
    items = _first_select(place.parent).expressions
    return _Spelling({item.alias for item in items if isinstance(item, exp.Alias)})


class _Spelling:
    """The names that there are, found by any spelling."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._by_lower: dict[str, set[str]] = {}
        for name in names:
            self._by_lower.setdefault(name.lower(), set()).add(name)

    def holds(self, name: str) -> bool:
        """Return whether there is such a name in some spelling."""
        return name.lower() in self._by_lower

    def of(self, name: str) -> str:
        """Return the spelling of a name that is there; the name itself where that is not clear."""
        found = self._by_lower.get(name.lower(), ())
        return name if name in self._names or len(found) != 1 else next(iter(found))


def spell_columns(tree: exp.Expr, columns: Collection[str]) -> exp.Expr:
    """Return a copy of a scalar expression with its columns as the table spells them."""
    spelled = _Spelling(columns)
    if all(spelled.of(c.parts[0].name) == c.parts[0].name for c in tree.find_all(exp.Column)):
        return tree
    copied = tree.copy()
    for column in copied.find_all(exp.Column):
        _respell(column.parts[0], (spelled,))
    return copied


def _respell_column(column: exp.Column, spellings: Sequence[_Spelling], tables: _Spelling) -> None:
    """Respell a column and the table before it; fields of a struct stay as they are written."""
    first, *rest = column.parts
    if rest and tables.holds(first.name):
        _respell(first, (tables,))
        _respell(rest[0], spellings)
    else:
        _respell(first, spellings)


def _respell(part: exp.Expr, spellings: Sequence[_Spelling]) -> None:
    """Respell a name as the first has it that holds it."""
    found = next((spelled for spelled in spellings if spelled.holds(part.name)), None)
    if isinstance(part, exp.Identifier) and found is not None:
        part.set("this", found.of(part.name))
