"""What the command line shows: progress bars, and none of the libraries' chatter."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO

from lipsync_core.errors import LipSyncError
from lipsync_core.progress import Progress


@contextmanager
def progress_bar(text: str) -> Iterator[Progress]:
    """Show a bar on standard error while work goes on; a line for every tenth where tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        yield _lines(text)
        return
    layout = "{desc:<28} {percentage:3.0f}% |{bar:30}| {elapsed} < {remaining}"
    with tqdm(total=1.0, desc=text, bar_format=layout, mininterval=0.2, file=sys.stderr) as bar:

        def report(share: float) -> None:
            bar.update(max(0.0, min(1.0, share) - bar.n))

        yield report


@contextmanager
def json_lines(stream: TextIO) -> Iterator[Progress]:
    """Tell a program how far work is, as the worker does: `{"progress": 0.4}`, or `{"error": message}` at a fault."""

    def report(share: float) -> None:
        print(json.dumps({"progress": round(share, 4)}), file=stream, flush=True)

    try:
        yield report
    except LipSyncError as fault:
        print(json.dumps({"error": str(fault)}), file=stream, flush=True)
        raise


def _lines(text: str) -> Progress:
    """Tell every tenth on a line of its own: training machines often have torch, NumPy and SciPy alone."""
    told = 0

    def report(share: float) -> None:
        nonlocal told
        if int(10 * share) > told:
            told = int(10 * share)
            print(f"{text}: {10 * told} %", file=sys.stderr, flush=True)

    return report


@contextmanager
def quiet_native_code() -> Iterator[None]:
    """Hide what C++ libraries write to standard error, which no setting of theirs stops; Python's own is shown."""
    sys.stderr.flush()
    shown = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    python_stream = sys.stderr
    try:
        os.dup2(nowhere, 2)
        with open(shown, "w", buffering=1, closefd=False, encoding="utf-8") as stream:
            sys.stderr = stream
            yield
    finally:
        sys.stderr = python_stream
        os.dup2(shown, 2)
        os.close(shown)
        os.close(nowhere)


def print_errors(name: str, errors: Mapping[str, float]) -> None:
    """Print figures by name in one line."""
    figures = ", ".join(f"{key.replace('_', ' ')} {value:.3g}" for key, value in errors.items())
    print(f"{name}: {figures}")
