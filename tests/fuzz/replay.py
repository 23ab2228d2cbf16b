"""Run inputs through a target, without libFuzzer: ``python -m fuzz.replay TARGET FILE ..``.

An input that is a finding ends it with its traceback.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .targets import TARGETS


def main() -> None:
    """Run each file."""
    name, *paths = sys.argv[1:]
    for path in paths:
        TARGETS[name].run(Path(path).read_bytes())
        print(f"{path}: as it should be")


if __name__ == "__main__":
    main()
