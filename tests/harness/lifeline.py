"""Ends the servers and removes the folders of a test run that was itself killed.

One small process sits at the other end of a pipe. When the pipe closes, however that came about,
it signals what is still on its list. A parent-death signal would not do: Linux sends it when the
*thread* that forked ends, and tests restart servers from short-lived threads.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

_WATCHER = """
import os, shutil, sys, time
pids, folders = {}, []
for line in sys.stdin:
    verb, _, value = line.rstrip("\\n").partition(" ")
    if verb == "watch":
        pid, number = value.split()
        pids[int(pid)] = int(number)
    elif verb == "forget":
        pids.pop(int(value), None)
    else:
        folders.append(value)
for pid, number in pids.items():
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
time.sleep(0.5 if pids else 0)
for folder in folders:
    shutil.rmtree(folder, ignore_errors=True)
"""

_pipe: IO[str] | None = None
_owner = 0


def watch(pid: int, with_signal: signal.Signals) -> None:
    """Send `with_signal` to `pid` once this process is gone."""
    _tell(f"watch {pid} {int(with_signal)}")


def forget(pid: int) -> None:
    """Take `pid` off the list, because it has ended and its number may be given away."""
    _tell(f"forget {pid}")


def new_folder(name: str, *, within: Path | None = None) -> Path:
    """A fresh temporary folder that does not outlive this process."""
    # Unix socket paths end at 107 bytes, so the name stays short.
    folder = Path(tempfile.mkdtemp(prefix=f"realtime-{name}-", dir=within))
    _tell(f"remove {folder}")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _tell(line: str) -> None:
    pipe = _open_pipe()
    pipe.write(line + "\n")
    pipe.flush()


def _open_pipe() -> IO[str]:
    global _pipe, _owner
    if _pipe is None or _owner != os.getpid():
        watcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCHER],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert watcher.stdin is not None
        _pipe, _owner = watcher.stdin, os.getpid()
        atexit.register(_close, watcher)
    return _pipe


def _close(watcher: subprocess.Popen[str]) -> None:
    assert watcher.stdin is not None
    watcher.stdin.close()
    watcher.wait(timeout=10)
