"""Ports for servers of tests."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """Return a port of loopback that nobody uses, below those that systems give to others."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
