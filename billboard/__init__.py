"""billboard: publish push tokens on an anonymous billboard.

A device encrypts its push token into a `Blob` and posts it, sealed, under a rolling identifier. A
contact finds it, re-randomises it, and hands it to the push server, which alone can open it.
SPEC.md defines every byte.

Everything that is public is exported by this package, or by `billboard.groups`,
`billboard.elgamal`, `billboard.universal`, `billboard.findmy`, `billboard.batches`,
`billboard.board`, `billboard.push`, `billboard.push.dispatch`, `billboard.push.providers`,
`billboard.tlog` or `billboard.errors`. All else may change at any time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billboard.blob import (
        Blob as Blob,
        stack as stack,
        unstack as unstack,
        validate_batch as validate_batch,
    )
    from billboard.board.board import (
        Board as Board,
    )
    from billboard.board.client import (
        AsyncBoardClient as AsyncBoardClient,
        BoardClient as BoardClient,
    )
    from billboard.board.directory import (
        create_board as create_board,
        open_board as open_board,
    )
    from billboard.board.manifest import (
        Edition as Edition,
    )
    from billboard.board.parameters import (
        BoardParameters as BoardParameters,
    )
    from billboard.device.device import (
        Device as Device,
        Work as Work,
    )
    from billboard.device.profile import (
        Profile as Profile,
    )
    from billboard.errors import (
        BillboardError as BillboardError,
        BoardError as BoardError,
        EpochError as EpochError,
        InvalidEncodingError as InvalidEncodingError,
        InvalidRowsError as InvalidRowsError,
        InvalidSignatureError as InvalidSignatureError,
        MissingExtraError as MissingExtraError,
        NotMine as NotMine,
        RefusedPostError as RefusedPostError,
        SecretFileError as SecretFileError,
        StoreError as StoreError,
        UnsupportedError as UnsupportedError,
        WithdrawnError as WithdrawnError,
    )
    from billboard.frames import (
        Frame as Frame,
        FrameBatch as FrameBatch,
        FrameClass as FrameClass,
    )
    from billboard.keys import (
        PublicKey as PublicKey,
        SecretKey as SecretKey,
    )
    from billboard.lanes import (
        Lane as Lane,
        LaneReader as LaneReader,
        decode_grants as decode_grants,
        encode_grants as encode_grants,
    )
    from billboard.posts import (
        Envelope as Envelope,
        Post as Post,
    )
    from billboard.sender.sender import (
        Errand as Errand,
        Sender as Sender,
    )
    from billboard.times import (
        epoch_at as epoch_at,
    )
    from billboard.tlog.checkpoint import (
        Policy as Policy,
    )
    from billboard.tlog.note import (
        NoteKey as NoteKey,
    )
    from billboard.tokens import (
        DeviceToken as DeviceToken,
        Handle as Handle,
        Platform as Platform,
    )
    from billboard.webpush import (
        WebPushSubscription as WebPushSubscription,
    )
else:
    from billboard.lazy import exports

    __getattr__, __dir__, __all__ = exports(
        __name__,
        {
            "billboard.blob": "Blob stack unstack validate_batch",
            "billboard.board.board": "Board",
            "billboard.board.client": "AsyncBoardClient BoardClient",
            "billboard.board.directory": "create_board open_board",
            "billboard.board.manifest": "Edition",
            "billboard.board.parameters": "BoardParameters",
            "billboard.device.device": "Device Work",
            "billboard.device.profile": "Profile",
            "billboard.errors": (
                "BillboardError BoardError EpochError InvalidEncodingError InvalidRowsError "
                "InvalidSignatureError MissingExtraError NotMine RefusedPostError "
                "SecretFileError StoreError UnsupportedError WithdrawnError"
            ),
            "billboard.frames": "Frame FrameBatch FrameClass",
            "billboard.keys": "PublicKey SecretKey",
            "billboard.lanes": "Lane LaneReader decode_grants encode_grants",
            "billboard.posts": "Envelope Post",
            "billboard.sender.sender": "Errand Sender",
            "billboard.times": "epoch_at",
            "billboard.tlog.checkpoint": "Policy",
            "billboard.tlog.note": "NoteKey",
            "billboard.tokens": "DeviceToken Handle Platform",
            "billboard.webpush": "WebPushSubscription",
        },
        {
            "billboard.board.client": "client",
            "billboard.device.device": "client",
            "billboard.device.profile": "client",
            "billboard.sender.sender": "client",
        },
    )
