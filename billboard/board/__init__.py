"""The bulletin board: takes posts, publishes editions (SPEC 9)."""

from billboard.board.board import Board
from billboard.board.sqlite import SqliteStore
from billboard.board.store import BUNDLE, BoardParameters, Edition, Store

__all__ = ["BUNDLE", "Board", "BoardParameters", "Edition", "SqliteStore", "Store"]
