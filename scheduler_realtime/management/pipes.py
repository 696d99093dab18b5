"""The standard output of a command, which somebody may stop reading."""

from __future__ import annotations

import io
import os
import select
import sys
import time


def take_any_text() -> None:
    """Print what the terminal's encoding lacks by its number, instead of failing at it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def wait(seconds: float) -> None:
    """Wait so long. Raises `BrokenPipeError` as soon as nobody can read what is printed."""
    try:
        number = sys.stdout.fileno()
        poll = select.poll()
    except (AttributeError, io.UnsupportedOperation):  # no file, or no such call, as on Windows
        time.sleep(seconds)
        return
    poll.register(number, 0)  # of nothing but errors, which nobody need ask for
    if poll.poll(seconds * 1000):
        raise BrokenPipeError


def give_up() -> None:
    """Have what is left to print go nowhere, so that the interpreter's end says nothing of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
