"""Runs commands in processes of their own, each forked from one that has imported everything.

To start Python anew and import what commands need takes half a second, and tests start hundreds.
What comes on standard input is a request in JSON on each line; its exit status is the answer.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import typer.rich_utils  # noqa: F401

from billboard.cli import main


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


if __name__ == "__main__":
    become(next_request())
    main()
