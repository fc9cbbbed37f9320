"""The safe expression language: Python-like expressions and SQL, parsed and never evaluated.

Nothing here imports an engine. `python` reads `pl.`/`F.`/`nw.` expressions into checked syntax
trees, `sql` reads queries and scalar SQL with sqlglot, `dialect` says what Polars SQL knows,
`catalog` holds the names that exist. Regular expressions in patterns need no cap of their own on
Polars, whose matcher takes linear time.
"""
