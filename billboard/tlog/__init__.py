"""Transparency logs as C2SP has them: signed notes, checkpoints, tiles, witnesses (SPEC 9.3, 9.4).

It knows no application. The extra ``client`` installs what is needed to ask a witness, the extra
``server`` what is needed to be one over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billboard.tlog.checkpoint import (
        Checkpoint as Checkpoint,
        Policy as Policy,
        Proof as Proof,
    )
    from billboard.tlog.cosigner import (
        AddCheckpoint as AddCheckpoint,
        Cosigner as Cosigner,
        create_witness as create_witness,
        open_witness as open_witness,
    )
    from billboard.tlog.key_file import (
        load_signer as load_signer,
        new_key as new_key,
        save_seed as save_seed,
    )
    from billboard.tlog.note import (
        Algorithm as Algorithm,
        Note as Note,
        NoteKey as NoteKey,
        NoteSigner as NoteSigner,
        Signature as Signature,
    )
    from billboard.tlog.tiles import (
        TileReader as TileReader,
        tile_path as tile_path,
    )
    from billboard.tlog.witness_client import (
        WitnessClient as WitnessClient,
    )
    from billboard.tlog.witness_server import (
        create_witness_app as create_witness_app,
    )
    from billboard.tlog.writer import (
        LogWriter as LogWriter,
    )
else:
    from billboard.lazy import exports

    __getattr__, __dir__, __all__ = exports(
        __name__,
        {
            "billboard.tlog.checkpoint": "Checkpoint Policy Proof",
            "billboard.tlog.cosigner": "AddCheckpoint Cosigner create_witness open_witness",
            "billboard.tlog.key_file": "load_signer new_key save_seed",
            "billboard.tlog.note": "Algorithm Note NoteKey NoteSigner Signature",
            "billboard.tlog.tiles": "TileReader tile_path",
            "billboard.tlog.witness_client": "WitnessClient",
            "billboard.tlog.witness_server": "create_witness_app",
            "billboard.tlog.writer": "LogWriter",
        },
        {
            "billboard.tlog.witness_client": "client",
            "billboard.tlog.witness_server": "server",
        },
    )
