"""The Polars engine: lazy frames, streaming execution, Delta by delta-rs."""
