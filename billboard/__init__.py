"""billboard: publish push tokens on an anonymous billboard.

A device encrypts its push token into a `Blob` and posts it, sealed, under a rolling identifier. A
contact finds it, re-randomises it, and hands it to the push server, which alone can open it.
SPEC.md defines every byte.
"""

from billboard.blob import Blob, stack, unstack, validate_batch
from billboard.board import Board, BoardParameters, Edition, SqliteStore, create_board, open_board
from billboard.errors import (
    BillboardError,
    BoardError,
    EpochError,
    GroupMismatchError,
    InvalidEncodingError,
    InvalidRowsError,
    InvalidSignatureError,
    NotMine,
    RefusedPostError,
    SecretFileError,
    StoreError,
    UnsupportedError,
    WithdrawnError,
    WitnessError,
)
from billboard.keys import PublicKey, SecretKey
from billboard.lanes import Lane, LaneReader
from billboard.posts import Envelope, Post, epoch_at
from billboard.tokens import DeviceToken, Frame, FrameBatch, FrameClass, Handle, Platform
from billboard.webpush import WebPushSubscription

__all__ = [
    "BillboardError",
    "Blob",
    "Board",
    "BoardError",
    "BoardParameters",
    "DeviceToken",
    "Edition",
    "Envelope",
    "EpochError",
    "Frame",
    "FrameBatch",
    "FrameClass",
    "GroupMismatchError",
    "Handle",
    "InvalidEncodingError",
    "InvalidRowsError",
    "InvalidSignatureError",
    "Lane",
    "LaneReader",
    "NotMine",
    "Platform",
    "Post",
    "PublicKey",
    "RefusedPostError",
    "SecretFileError",
    "SecretKey",
    "SqliteStore",
    "StoreError",
    "UnsupportedError",
    "WebPushSubscription",
    "WithdrawnError",
    "WitnessError",
    "create_board",
    "epoch_at",
    "open_board",
    "stack",
    "unstack",
    "validate_batch",
]
