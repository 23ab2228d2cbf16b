"""billboard: publish push tokens on an anonymous billboard.

A device encrypts its push token into a `Blob` and posts it, sealed, under a rolling identifier. A
contact finds it, re-randomises it, and hands it to the push server, which alone can open it.
SPEC.md defines every byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from billboard.device import Device
    from billboard.sender import Sender

__all__ = [
    "BillboardError",
    "Blob",
    "Board",
    "BoardError",
    "BoardParameters",
    "Device",
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
    "Sender",
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


def __getattr__(name: str) -> Any:
    # They need the extra `client`, and little else does.
    if name == "Device":
        from billboard.device import Device

        return Device
    if name == "Sender":
        from billboard.sender import Sender

        return Sender
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
