"""Compute the test vectors of SPEC 15 and write them beside this file, or compare them."""

import argparse
import json
import sys
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


def _readme() -> str:
    text = (HERE / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(TABLE_START)
    _, _, after = rest.partition(TABLE_END)
    return f"{before}{TABLE_START}\n\n{table()}\n\n{TABLE_END}{after}"


def _generated() -> dict[str, str]:
    self_test()
    texts = {f"{name}.json": _dump(build().as_json()) for name, build in BUILDERS.items()}
    return {**texts, "schema.json": _dump(schema()), "README.md": _readme()}


def _differs(name: str, text: str) -> bool:
    path = HERE / name
    return not path.exists() or path.read_text(encoding="utf-8") != text


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail on a difference")
    check = parser.parse_args().check
    changed = {name: text for name, text in _generated().items() if _differs(name, text)}
    for name, text in changed.items():
        print(f"{name} differs" if check else f"{name} written")
        if not check:
            (HERE / name).write_text(text, encoding="utf-8", newline="\n")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
