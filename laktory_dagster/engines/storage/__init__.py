"""Files, folders and receipts of targets: what all engines store alike, with no engine's library."""
