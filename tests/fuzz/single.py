"""One target under libFuzzer: ``python -m fuzz.single TARGET [LIBFUZZER'S ARGUMENTS]``.

The native core is the one that ``BILLBOARD_FUZZ_CORE`` names, which `core` builds with counters.
"""

from __future__ import annotations

import ctypes
import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

import atheris

from .core import VARIABLE

NATIVE = "billboard._core"


def load_core(path: str) -> None:
    """Make ``path`` the native core of this process, with its counters in libFuzzer's hands."""
    # Where the counters of the core register themselves; atheris finds it and uses it too.
    runtime = Path(atheris.path()) / "ubsan_with_fuzzer.so"
    ctypes.CDLL(str(runtime), os.RTLD_NOW | os.RTLD_GLOBAL)
    loader = importlib.machinery.ExtensionFileLoader(NATIVE, path)
    spec = importlib.util.spec_from_loader(NATIVE, loader)
    if spec is None:
        raise ImportError(f"{path} cannot be loaded")
    sys.modules[NATIVE] = module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)


def main() -> None:
    """Fuzz until an argument says that it is enough, or there is a finding."""
    name, arguments = sys.argv[1], sys.argv[2:]
    load_core(os.environ[VARIABLE])
    with atheris.instrument_imports(include=["billboard", "h2", "hpack", "hyperframe", "jwt"]):
        from .targets import TARGETS
    target = TARGETS[name]
    limit = f"-max_len={target.longest}"
    atheris.Setup(
        [os.environ.get("BILLBOARD_FUZZ_SELF", sys.argv[0]), limit, *arguments], target.run
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
