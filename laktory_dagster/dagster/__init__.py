"""Plans to Dagster: assets, checks, metadata, IO managers, jobs, a component."""
