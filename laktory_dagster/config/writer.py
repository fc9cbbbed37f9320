"""Plain data to YAML that every reader takes the same way."""

from __future__ import annotations

import re
from typing import Any

import yaml

from laktory_dagster.config.scalars import plain_scalar

_WORDS_OF_OLD = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"])
_LOOKS_SPECIAL = re.compile(r"[-+.0-9=<]")
_INCLUDE = "${include."
_NO_WIDTH = -1


class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Return True: a value that stands twice is written twice."""
        return True


def _represent_text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    """Return the quotes a text needs: none, single, double, or a literal block."""
    if not text.isprintable():
        return "|" if "\n" in text and _fits_a_block(text) else '"'
    if text.startswith(_INCLUDE):
        # Only a literal text that looks like an include is none when it is read back.
        return "|"
    if (
        text.lower() in _WORDS_OF_OLD
        or _LOOKS_SPECIAL.match(text)
        or not isinstance(plain_scalar(text) if text else None, str)
    ):
        return "'"
    return None


def _fits_a_block(text: str) -> bool:
    lines = text.split("\n")
    clean = all(line.isprintable() and line == line.rstrip() for line in lines)
    return clean and bool(lines[0]) and not lines[0].startswith(" ")


_Dumper.add_representer(str, _represent_text)
_Dumper.add_multi_representer(str, _represent_text)
_Dumper.add_representer(tuple, yaml.CSafeDumper.represent_list)


def dump_yaml(data: Any) -> str:
    """Return block-style YAML with the keys in their order.

    Texts that YAML 1.1 or 1.2 would read as something else are quoted, so that reading it back
    gives equal data. Texts of several lines are literal blocks.

    Raises:
        yaml.YAMLError: the data holds something that is no plain value.
    """
    return yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_NO_WIDTH,
    )
