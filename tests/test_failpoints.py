"""Failpoints: a process that passes an armed place so often goes no further."""

import os
import select
import signal
import subprocess
import sys

import psutil
import pytest

from scheduler_realtime import failpoints
from tests.harness.child import REPOSITORY

pytestmark = pytest.mark.sqlite_only

PASSES = """
from scheduler_realtime import failpoints
for number in range(5):
    print(number, flush=True)
    failpoints.reach("relay.updated")
    failpoints.reach("relay.rung")
"""


PASSES_IN_A_THREAD = """
import threading, time
from scheduler_realtime import failpoints

def work():
    failpoints.reach("relay.updated")
    print("gone on", flush=True)

thread = threading.Thread(target=work)
thread.start()
while thread.is_alive():
    time.sleep(0.001)
"""


def passing(armed: str, code: str = PASSES) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env=os.environ | {failpoints.VARIABLE: armed},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("place", ["relay.updated", "relay.rung"])
def test_a_process_is_killed_at_the_third_passing(place: str) -> None:
    process = passing(f"{place}=kill@3")

    printed, _ = process.communicate(timeout=20)

    assert process.returncode == -signal.SIGKILL
    assert printed.split() == ["0", "1", "2"]


def test_a_process_is_stopped_once_and_can_go_on() -> None:
    process = passing("relay.rung=stop@2")

    _, status = os.waitpid(process.pid, os.WUNTRACED)
    is_stopped = os.WIFSTOPPED(status)
    psutil.Process(process.pid).resume()
    printed, _ = process.communicate(timeout=20)

    assert is_stopped
    assert printed.split() == ["0", "1", "2", "3", "4"]


def test_the_thread_that_passes_goes_no_further_itself() -> None:
    process = passing("relay.updated=stop@1", PASSES_IN_A_THREAD)
    assert process.stdout is not None

    os.waitpid(process.pid, os.WUNTRACED)
    readable, _, _ = select.select([process.stdout], [], [], 0.2)
    psutil.Process(process.pid).resume()
    printed, _ = process.communicate(timeout=20)

    assert not readable
    assert printed.split() == ["gone", "on"]


def test_a_place_that_is_not_armed_is_passed() -> None:
    process = passing("relay.committed=kill@1")

    printed, _ = process.communicate(timeout=20)

    assert (process.returncode, printed.split()[-1]) == (0, "4")


@pytest.mark.parametrize(
    "armed", ["relay.updated", "relay.nowhere=kill@1", "relay.rung=hurt@1", "relay.rung=kill@0"]
)
def test_what_cannot_be_meant_is_refused_with_the_name_of_the_variable(armed: str) -> None:
    process = passing(armed)

    _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert f"ImproperlyConfigured: {failpoints.VARIABLE} must be like" in said
