"""Compute the test vectors of SPEC 15 and write them beside this file."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from oracle.published import self_test  # noqa: E402

from vectors.cases import (  # noqa: E402
    blobs,
    board,
    descriptors,
    elgamal,
    embeddings,
    files,
    findmy,
    frames,
    groups,
    hashes,
    keys,
    lanes,
    logs,
    notes,
    posts,
    proofs,
    requests,
    signatures,
    ticks,
    universal,
)
from vectors.cases.schema import schema, table  # noqa: E402

BUILDERS = {
    "hashes": hashes.build,
    "groups": groups.build,
    "signatures": signatures.build,
    "keys": keys.build,
    "frames": frames.build,
    "embeddings": embeddings.build,
    "blobs": blobs.build,
    "lanes": lanes.build,
    "posts": posts.build,
    "board": board.build,
    "logs": logs.build,
    "notes": notes.build,
    "proofs": proofs.build,
    "files": files.build,
    "descriptors": descriptors.build,
    "requests": requests.build,
    "ticks": ticks.build,
    "elgamal": elgamal.build,
    "universal": universal.build,
    "findmy": findmy.build,
}
TABLE_START = "<!-- operations: written by generate.py -->"
TABLE_END = "<!-- end of operations -->"


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=True) + "\n"


def _vectors(name: str) -> str:
    return _dump(BUILDERS[name]().as_json())


def _schema() -> str:
    return _dump(schema())


def _readme() -> str:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(TABLE_START)
    _, _, after = rest.partition(TABLE_END)
    return f"{before}{TABLE_START}\n\n{table()}\n\n{TABLE_END}{after}"


TEXTS: dict[str, Callable[[], str]] = {
    **{f"{name}.json": partial(_vectors, name) for name in BUILDERS},
    "schema.json": _schema,
    "README.md": _readme,
}
"""What each file has to be, by its name."""


def main() -> None:
    """Write those that differ."""
    self_test()
    for name, text_of in TEXTS.items():
        path, text = HERE / name, text_of()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"{name} written")


if __name__ == "__main__":
    main()
