"""Text to plain data: YAML with positions, includes, variables, environments."""
