"""Names of columns in any case, as Spark reads them, in the spelling of the tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlglot import exp


def spell_as_tables(tree: exp.Expr, columns: Collection[str]) -> exp.Expr:
    """Return the query with the names of columns and tables as they are spelled where they come from.

    What the query gives is called as it was written. A name that is there in this spelling, and one
    that fits several, stays.

    Args:
        tree: the query; it is changed.
        columns: the columns of all its tables.
    """
    tables = _Spelling({alias.name for alias in tree.find_all(exp.TableAlias)})
    spelled = _Spelling({*columns, *_given_columns(tree)})
    first: exp.Expr = tree
    while not isinstance(first, exp.Select):
        first = first.this
    for item in list(first.expressions):
        if isinstance(item, exp.Column) and spelled.of(item.name) != item.name:
            item.replace(exp.alias_(item.copy(), item.name, quoted=True))
    for column in tree.find_all(exp.Column):
        _respell_column(column, spelled, tables)
    for join in tree.find_all(exp.Join):
        for name in join.args.get("using") or ():
            _respell(name, spelled)
    return tree


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
        _respell(column.parts[0], spelled)
    return copied


def _given_columns(tree: exp.Expr) -> Iterator[str]:
    """Yield the names of columns that the query gives itself."""
    for node in tree.find_all(exp.Alias, exp.TableAlias):
        if isinstance(node, exp.Alias):
            yield node.alias
        elif isinstance(node, exp.TableAlias):
            yield from (column.name for column in node.columns)


def _respell_column(column: exp.Column, spelled: _Spelling, tables: _Spelling) -> None:
    """Respell a column and the table before it; fields of a struct stay as they are written."""
    first, *rest = column.parts
    if rest and tables.holds(first.name):
        _respell(first, tables)
        _respell(rest[0], spelled)
    else:
        _respell(first, spelled)


def _respell(part: exp.Expr, spelled: _Spelling) -> None:
    if isinstance(part, exp.Identifier):
        part.set("this", spelled.of(part.name))
