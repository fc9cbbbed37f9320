"""A plan in motion: results, quality, the runner; no engine's name appears here."""
