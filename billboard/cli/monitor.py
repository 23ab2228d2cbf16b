"""The command `billboard monitor`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from billboard.cli import files
from billboard.cli.files import Proxy, console
from billboard.cli.trust import Key, Threshold, WitnessKeys, policy_of

if TYPE_CHECKING:
    from billboard.board.monitor import Finding, Monitor


def monitor(
    url: Annotated[str, typer.Argument(metavar="URL", help="The board's URL.")],
    *,
    key: Key,
    witness: WitnessKeys = None,
    threshold: Threshold = None,
    directory: Annotated[
        Path, typer.Option(help="Directory for the monitor's progress and for evidence.")
    ] = Path("monitor"),
    once: Annotated[bool, typer.Option("--once", help="Check once and exit, for cron.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two checks.")] = 60.0,
    proxy: Proxy = "",
) -> None:
    """Follow a board, verify all that it publishes, and keep evidence of what is wrong.

    The exit status is 0 if nothing is wrong, and otherwise that of the worst finding: 3 the board
    cannot be reached, 4 it is stale, 5 editions were left out, 6 files are missing, 7 files are
    damaged, 8 signatures are wrong, 9 what it signed breaks a rule, 10 it showed two logs. Without
    --once, only 9 and 10 end the monitor.
    """
    from billboard.board.monitor import STATUS, Finding, Monitor
    from billboard.errors import BoardFault

    policy = policy_of(key, witness, threshold)
    with Monitor(url, policy, directory, proxy=proxy) as watching:
        shown = list[Finding]()
        while True:
            findings = watching.check()
            _show(watching, findings, shown)
            shown = findings
            worst = max((finding.status for finding in findings), default=0)
            if once or worst >= STATUS[BoardFault.MISBEHAVIOR]:
                raise typer.Exit(worst)
            time.sleep(every)


def _show(watching: Monitor, findings: list[Finding], shown: list[Finding]) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    for finding in findings:
        if finding not in shown:
            files.errors.print(f"{now} {finding.reason}: {finding.what}")
    if not findings:
        console.print(f"{now} {watching.size} entries, all in order")
