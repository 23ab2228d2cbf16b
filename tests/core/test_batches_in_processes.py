"""Batches and the operating system: Ctrl-C and fork, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

PRELUDE = """
import os, signal, sys, threading, time
import numpy as np
from billboard import DeviceToken, Platform, SecretKey, _core, validate_batch

key = SecretKey.generate()
one = key.public_key.encrypt(DeviceToken(Platform.APNS, b"token")).array
many = np.repeat(one, 200, axis=0)
huge = np.repeat(one, 150_000, axis=0)


def works():
    moved = key.public_key.rerandomize_batch(many, threads=3)
    return bool(key.open_batch(moved, threads=3)[1].all())


def native_threads():
    # Those that Python does not know, such as the ones of NumPy.
    return len(os.listdir("/proc/self/task")) - threading.active_count()


before = native_threads() if os.path.isdir("/proc/self/task") else None
"""

CALLS = {
    "rerandomize": "key.public_key.rerandomize_batch(np.repeat(one, {items}, axis=0), {threads})",
    "open": "key.open_batch(np.repeat(one, {items}, axis=0), {threads})",
    "validate": "validate_batch(np.repeat(one, {items}, axis=0), {threads})",
    "embed": "_core.embed(np.zeros(({items}, 8, 30), np.uint8), 8, bytes(32), {threads})",
    "encrypt": "key.public_key._encryption.encrypt_batch("
    "np.zeros(({items}, 8, 32), np.uint8), {threads})",
}


def run(script: str, timeout: float = 60) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PRELUDE + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "RUST_BACKTRACE": "0"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SMOKE = ("rerandomize", "validate")
"""The calls that `make test` ends: one that draws, and one that does not."""


@pytest.mark.parametrize("threads", [3, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "call", [pytest.param(each, marks=[pytest.mark.slow] * (each not in SMOKE)) for each in CALLS]
)
def test_ctrl_c_ends_a_large_batch_soon(call: str, threads: int) -> None:
    """In less than half of the processor time of the whole, however fast it or the machine is."""
    spread = "threads=" + str(threads) if call != "embed" else str(threads)
    output = run(
        f"""
        signal.signal(signal.SIGINT, signal.default_int_handler)

        def batch(items):
            {CALLS[call].format(items="items", threads=spread)}

        items, whole = 1000, 0.0
        while whole < 0.6:  # of which looking for signals every 50 ms is a small part
            items *= 2
            start = time.process_time()
            batch(items)
            whole = time.process_time() - start

        def press(start):
            while time.process_time() - start < whole / 10:
                time.sleep(0.001)
            os.kill(os.getpid(), signal.SIGINT)

        for _ in range(5):  # this process may not get a processor when it is time to press
            start = time.process_time()
            thread = threading.Thread(target=press, args=(start,))
            thread.start()
            try:
                batch(items)
                time.sleep(60)
            except KeyboardInterrupt:
                took = time.process_time() - start
            thread.join()
            if took < whole / 2:
                print("interrupted")
                break
        print("works", works())
        for _ in range(100):
            if before is None or native_threads() == before:
                print("no threads left")
                break
            time.sleep(0.02)
        """
    )
    assert output.splitlines() == ["interrupted", "works True", "no threads left"]


def test_a_signal_handler_that_raises_ends_a_batch() -> None:
    output = run(
        """
        def ring(*_):
            raise TimeoutError("ring")

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
            while True:
                key.public_key.rerandomize_batch(huge)
        except TimeoutError as error:
            print(error)
        """
    )
    assert output == "ring\n"


def test_a_signal_handler_that_returns_does_not_end_it() -> None:
    output = run(
        """
        rung = []
        signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        while len(rung) < 3:
            moved = key.public_key.rerandomize_batch(np.repeat(one, 2000, axis=0))
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(bool(key.open_batch(moved)[1].all()))
        """
    )
    assert output == "True\n"


FORK = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of fork with threads

        def forked():
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                os._exit(0 if works() else 3)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def test_batches_work_in_a_forked_child() -> None:
    output = run(
        FORK
        + """
        print("child", forked(), "parent", works(), "child", forked(), "parent", works())
        """
    )
    assert output == "child 0 parent True child 0 parent True\n"


def test_batches_work_in_a_child_that_is_forked_during_a_batch() -> None:
    output = run(
        FORK
        + """
        works()
        done = threading.Event()

        def validate():
            while not done.is_set():
                validate_batch(huge[:60_000])

        busy = threading.Thread(target=validate)
        busy.start()
        time.sleep(0.1)
        codes = [forked() for _ in range(3)]
        done.set()
        busy.join()
        print(codes, works())
        """
    )
    assert output == "[0, 0, 0] True\n"


def test_a_batch_too_large_for_the_memory_is_a_memory_error() -> None:
    output = run(
        """
        import resource

        limit = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGESIZE")
        resource.setrlimit(resource.RLIMIT_AS, (limit + 20_000_000, resource.RLIM_INFINITY))
        for call in (key.public_key.rerandomize_batch, key.open_batch):
            try:
                call(huge, threads=1)
            except MemoryError:
                print("memory error")
        print(works())
        """
    )
    assert output == "memory error\nmemory error\nTrue\n"
