"""The command ``billboard``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. A user's mistake ends it with one line and no traceback."""
    from billboard.errors import BillboardError

    try:
        from billboard.cli.app import app

        app()
    except ModuleNotFoundError as error:
        _fail(f"{error.name} is missing: pip install 'anonymous-billboard[cli]'")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (BillboardError, LookupError, ValueError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> None:
    sys.stderr.write(f"billboard: {message}\n")
    sys.exit(1)
