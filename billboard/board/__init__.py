"""The bulletin board: takes posts, publishes editions (SPEC 9)."""

from billboard.board.board import Board
from billboard.board.directory import create_board, open_board
from billboard.board.manifest import Edition
from billboard.board.objects import FileObjects, Objects
from billboard.board.sqlite import SqliteStore
from billboard.board.store import BUNDLE, BoardParameters, Store

__all__ = [
    "BUNDLE",
    "Board",
    "BoardParameters",
    "Edition",
    "FileObjects",
    "Objects",
    "SqliteStore",
    "Store",
    "create_board",
    "open_board",
]
