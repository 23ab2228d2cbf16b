"""The bulletin board: takes posts, publishes editions (SPEC 9)."""

from billboard.board.board import BUNDLE, Board
from billboard.board.sqlite import SqliteStore
from billboard.board.store import Edition, Store

__all__ = ["BUNDLE", "Board", "Edition", "SqliteStore", "Store"]
