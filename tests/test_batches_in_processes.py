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
frames = np.zeros((150_000, 8, 30), np.uint8)


def works():
    moved = key.public_key.rerandomize_batch(many, threads=3)
    return bool(key.open_batch(moved, threads=3)[1].all())


def native_threads():
    # Those that Python does not know, such as the ones of NumPy.
    return len(os.listdir("/proc/self/task")) - threading.active_count()


before = native_threads() if os.path.isdir("/proc/self/task") else None
"""

CALLS = {
    "rerandomize": "key.public_key.rerandomize_batch(huge, threads={threads})",
    "open": "key.open_batch(huge, threads={threads})",
    "validate": "validate_batch(huge, threads={threads})",
    "embed": "_core.embed(frames, 8, bytes(32), {threads})",
    "encrypt": "key.public_key._encryption.encrypt_batch(many_messages, threads={threads})",
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


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_a_large_batch_soon(call: str, threads: int) -> None:
    output = run(
        f"""
        many_messages = np.zeros((150_000, 8, 32), np.uint8)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        pressed = []

        def press():
            pressed.append(time.process_time())
            os.kill(os.getpid(), signal.SIGINT)

        threading.Timer(0.3, press).start()
        try:
            {CALLS[call].format(threads=threads)}
        except KeyboardInterrupt:
            print("interrupted after", time.process_time() - pressed[0])
        print("works", works())
        for _ in range(100):
            if before is None or native_threads() == before:
                print("no threads left")
                break
            time.sleep(0.02)
        """
    )
    interrupted, *rest = output.splitlines()
    assert float(interrupted.removeprefix("interrupted after ")) < 5
    assert rest == ["works True", "no threads left"]


def test_a_signal_handler_that_raises_ends_a_batch() -> None:
    output = run(
        """
        def ring(*_):
            raise TimeoutError("ring")

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        try:
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
        moved = key.public_key.rerandomize_batch(np.repeat(one, 10_000, axis=0))
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(bool(key.open_batch(moved)[1].all()), len(rung) > 0)
        """
    )
    assert output == "True True\n"


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
