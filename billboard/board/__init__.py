"""The bulletin board: takes posts, publishes editions, and is read and watched (SPEC 9).

The extra ``client`` installs what readers and monitors need, ``server`` what ``create_app`` needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billboard.board.backup import (
        backup_board as backup_board,
        restore_board as restore_board,
        resume_board as resume_board,
    )
    from billboard.board.board import (
        Board as Board,
        EncodedPost as EncodedPost,
        Witness as Witness,
    )
    from billboard.board.client import (
        AsyncBoardClient as AsyncBoardClient,
        BoardClient as BoardClient,
    )
    from billboard.board.directory import (
        create_board as create_board,
        open_board as open_board,
        open_publication as open_publication,
    )
    from billboard.board.fsck import (
        Damage as Damage,
        check_board as check_board,
    )
    from billboard.board.manifest import (
        Descriptor as Descriptor,
        Edition as Edition,
    )
    from billboard.board.monitor import (
        Finding as Finding,
        Monitor as Monitor,
    )
    from billboard.board.objects import (
        FileObjects as FileObjects,
        Objects as Objects,
    )
    from billboard.board.parameters import (
        BUNDLE as BUNDLE,
        BoardParameters as BoardParameters,
    )
    from billboard.board.proof import (
        Neighbor as Neighbor,
        prove_absence as prove_absence,
        prove_post as prove_post,
        verify_absence as verify_absence,
        verify_post as verify_post,
    )
    from billboard.board.publication import (
        Publication as Publication,
    )
    from billboard.board.receipt import (
        Receipt as Receipt,
    )
    from billboard.board.server import (
        create_app as create_app,
    )
    from billboard.board.sqlite import (
        SqliteStore as SqliteStore,
    )
    from billboard.board.store import (
        ClosedEdition as ClosedEdition,
        Editions as Editions,
        Entry as Entry,
        LogState as LogState,
        MasterLog as MasterLog,
        Posts as Posts,
        Store as Store,
    )
    from billboard.web.admission import (
        Admission as Admission,
        ProofOfWork as ProofOfWork,
        Rate as Rate,
        find_work as find_work,
    )
else:
    from billboard.lazy import exports

    __getattr__, __dir__, __all__ = exports(
        __name__,
        {
            "billboard.board.backup": "backup_board restore_board resume_board",
            "billboard.board.board": "Board EncodedPost Witness",
            "billboard.board.client": "AsyncBoardClient BoardClient",
            "billboard.board.directory": "create_board open_board open_publication",
            "billboard.board.fsck": "Damage check_board",
            "billboard.board.manifest": "Descriptor Edition",
            "billboard.board.monitor": "Finding Monitor",
            "billboard.board.objects": "FileObjects Objects",
            "billboard.board.parameters": "BUNDLE BoardParameters",
            "billboard.board.proof": "Neighbor prove_absence prove_post verify_absence verify_post",
            "billboard.board.publication": "Publication",
            "billboard.board.receipt": "Receipt",
            "billboard.board.server": "create_app",
            "billboard.board.sqlite": "SqliteStore",
            "billboard.board.store": "ClosedEdition Editions Entry LogState MasterLog Posts Store",
            "billboard.web.admission": "Admission ProofOfWork Rate find_work",
        },
        {
            "billboard.board.client": "client",
            "billboard.board.monitor": "client",
            "billboard.board.server": "server",
        },
    )
