"""What modules of a project use: decorators that add namespaces to frames and expressions.

Example:
    import laktory_dagster as lk

    @lk.api.register_anyframe_namespace("finance")
    class Finance:
        def __init__(self, frame):
            self._frame = frame

        def with_total(self):
            return self._frame.with_columns(total=nw.col("price") * nw.col("amount"))
"""

from laktory_dagster.models.namespaces import (
    register_anyframe_namespace,
    register_dataframe_namespace,
    register_expr_namespace,
    register_lazyframe_namespace,
    register_spark_column_namespace,
    register_spark_dataframe_namespace,
)

__all__ = [
    "register_anyframe_namespace",
    "register_dataframe_namespace",
    "register_expr_namespace",
    "register_lazyframe_namespace",
    "register_spark_column_namespace",
    "register_spark_dataframe_namespace",
]
