"""The command line: `laktory-dagster validate | plan | run | preview | failures | dev | schema`."""
