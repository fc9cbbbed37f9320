"""The Spark engine: batch and streams, on a local session, Spark Connect or a cluster."""
