"""The steps of a layer: time column, source columns dropped, duplicates out, stamp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from laktory_dagster.engines.base import Frame, LayerRequest
from laktory_dagster.errors import LaktoryDagsterError, TransformError

TIME_COLUMN = "_tstamp"
_STAMPS = ("_bronze_at", "_silver_at", "_gold_at")


@dataclass(frozen=True)
class LayerSteps:
    """How an engine does each step.

    `columns` gives the names of a frame's columns, and raises what a step on it does wrong; `errors`
    are the engine's own, which `explained` tells.
    """

    add_time: Callable[[Frame, str, LayerRequest], Frame]
    drop: Callable[[Frame, Sequence[str]], Frame]
    dedupe: Callable[[Frame, Sequence[str], str | None, str], Frame]
    add_stamp: Callable[[Frame, str, LayerRequest], Frame]
    columns: Callable[[Frame], Sequence[str]]
    errors: tuple[type[BaseException], ...]
    explained: Callable[[BaseException, Sequence[str]], TransformError]

    def apply(self, frame: Frame, request: LayerRequest) -> Frame:
        """Return the frame after the layer steps that the request asks for.

        Raises:
            TransformError: the time expression or a key names a column that is not there.
        """
        known: tuple[type[BaseException], ...] = (LaktoryDagsterError, *self.errors)
        for name, step in self._steps(request):
            columns = self.columns(frame)
            try:
                frame = step(frame, request)
                self.columns(frame)
            except known as error:
                problem = self.explained(error, columns)
                raise TransformError(
                    f"{name}: {problem.message}", expected=problem.expected, hint=problem.hint
                ) from error
        return frame

    def _steps(
        self, request: LayerRequest
    ) -> list[tuple[str, Callable[[Frame, LayerRequest], Frame]]]:
        time = ("the time column `_tstamp`", self._timed)
        drop = ("dropping source columns", self._dropped)
        dedupe = ("dropping duplicates", self._deduped)
        stamp = ("the layer's time stamp", self._stamped)
        if request.reference_order:
            return [time, stamp, dedupe, drop]
        return [time, drop, dedupe, stamp]

    def _timed(self, frame: Frame, request: LayerRequest) -> Frame:
        text = request.time_expression
        return frame if text is None else self.add_time(frame, text, request)

    def _dropped(self, frame: Frame, request: LayerRequest) -> Frame:
        return self.drop(frame, request.drop_columns) if request.drop_columns else frame

    def _deduped(self, frame: Frame, request: LayerRequest) -> Frame:
        if not request.dedupe:
            return frame
        columns = self.columns(frame)
        # When rows came does not count where whole rows are compared.
        compared = tuple(name for name in columns if name not in _STAMPS) or tuple(columns)
        subset = request.dedupe_subset or compared
        return self.dedupe(frame, subset, request.dedupe_order, request.keep)

    def _stamped(self, frame: Frame, request: LayerRequest) -> Frame:
        return frame if request.stamp is None else self.add_stamp(frame, request.stamp, request)
