"""Text files that other programs and people have written."""

from __future__ import annotations

from pathlib import Path

from ..errors import FormatError

_LARGEST_FILE = 20_000_000  # bytes
_BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")


def read_written(path: Path) -> str:
    """Read a text file in UTF-8, or in UTF-16 where its first bytes say so.

    Raises:
        FormatError: If there is none, or it is too large or no text.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise FormatError(f"{path} is larger than {_LARGEST_FILE / 1e6:.0f} MB; give the text of this sound alone.")
        content = path.read_bytes()
    except OSError as fault:
        raise FormatError(f"{path} cannot be read ({fault.strerror or fault}); check the path.") from fault
    try:
        text = content.decode("utf-16" if content[:2] in _BYTE_ORDERS else "utf-8-sig")
    except UnicodeError as fault:
        raise FormatError(f"{path} is no text in UTF-8 or UTF-16; save it as UTF-8.") from fault
    if "\0" in text:
        raise FormatError(f"{path} is no text; choose a text file, a TextGrid or a list of phones.")
    return text
