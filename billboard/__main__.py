"""``python -m billboard``: the command ``billboard``."""

from billboard.cli import main

if __name__ == "__main__":
    main()
