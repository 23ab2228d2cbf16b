"""What is sealed to the request keys of a push server, and opened by whoever has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from billboard import NotMine
from billboard.push import PushRequest, Revocation, new_kappa, open_request, seal
from push.servers import Scripted, Site, site, token


def corrupt(sealed: bytes, place: int) -> bytes:
    return sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]


def asked(made: Site) -> tuple[PushRequest, Revocation]:
    blob = made.blob(token())
    return PushRequest.of(made.secret.public_key.key_id, blob), Revocation(new_kappa(), 500_000)


def test_what_was_asked_is_opened(tmp_path: Path) -> None:
    with site(tmp_path, Scripted()) as made:
        for each in asked(made):
            assert open_request(made.server.keys, seal(each, made.descriptor)) == each


def test_all_else_is_not_mine(tmp_path: Path) -> None:
    """A bit more or less at each part of a request, and requests to another server."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with site(tmp_path / "one", Scripted()) as made, site(tmp_path / "other", Scripted()) as other:
        sealed = seal(asked(made)[0], made.descriptor)
        version, key_id, enc, box = 0, 1, 9, 9 + 1120
        wrong = [corrupt(sealed, place) for place in (version, key_id, enc, box, -1 % len(sealed))]
        wrong += [b"", sealed[:-1], sealed + b"\0", seal(asked(other)[0], other.descriptor)]
        for each in wrong:
            with pytest.raises(NotMine):
                open_request(made.server.keys, each)
