"""Runs commands in processes of their own, each forked from one that has imported everything.

To start Python anew and import what commands need takes most of a second, and tests start hundreds.
What comes on standard input is a request in JSON on each line; its exit status is the answer.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import signal
import sys
from typing import Any

import typer.main
import typer.testing

# What commands import when they run.
import billboard.board.client
import billboard.board.fsck
import billboard.board.monitor
import billboard.board.server
import billboard.device
import billboard.push.metrics
import billboard.push.server
import billboard.sender
import billboard.tlog.witness_client
import billboard.tlog.witness_server  # noqa: F401
from billboard.cli import main
from billboard.cli.app import app


def prepare() -> None:
    """Do here what each process would do again."""
    typer.main.get_command = functools.cache(typer.main.get_command)
    typer.main.get_command(app)
    typer.testing.CliRunner().invoke(app, ["board", "info", "--help"])
    gc.freeze()


def next_request() -> dict[str, Any]:
    """Answer requests; in the process that is forked for one, return it."""
    for line in sys.stdin:
        process = os.fork()
        if not process:
            request: dict[str, Any] = json.loads(line)
            return request
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)


def become(request: dict[str, Any]) -> None:
    """Be the process that was asked for."""
    signal.alarm(int(request["seconds"]))
    for number, path in enumerate(request["streams"]):
        descriptor = os.open(path, os.O_RDWR)
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["billboard", *request["arguments"]]


def run() -> int:
    """The exit status of ``main``, by which nothing is left that waits to be written."""
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    prepare()
    become(next_request())
    os._exit(run())  # to take all modules apart would take longer than most commands
