"""How a frame is read, transformed, checked and written: a protocol and its engines."""
