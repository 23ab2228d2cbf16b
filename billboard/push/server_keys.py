"""The secrets of a push server, and the descriptor of their public halves (SPEC 10.1)."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import final

from billboard.errors import InvalidEncodingError, InvalidSignatureError, NotMine, SecretFileError
from billboard.frames import FrameClass
from billboard.keys import SecretKey
from billboard.push.requests.descriptor import ServerDescriptor, read_descriptor
from billboard.push.requests.request import (
    LABEL,
    PushRequest,
    Revocation,
    open_plaintext,
    request_size,
)
from billboard.push.requests.request_key import RequestSecret, key_id_of
from billboard.storage.files import replace_file
from billboard.times import hours
from billboard.tlog.key_file import load_signer, new_key
from billboard.tlog.note import Algorithm, NoteKey

_log = logging.getLogger(__name__)

DAYS_AHEAD = 8
"""Days for which a descriptor has a request key, the current one included."""

_DAY = 24
_GRACE = 1  # hours
_DRAIN = 60.0
"""Seconds for which a key that is over is kept: a request under it may not be stored yet."""

SERVER_KEY, REQUEST_KEYS, DESCRIPTOR = "server.key", "request-keys", "descriptor"


def create_server_keys(directory: Path, name: str, passphrase: str | None = None) -> NoteKey:
    """Make a server key with a ``name`` in ``directory``, which must exist. Return the public key.

    Raises `SecretFileError`, also if there is a server key already, or `InvalidEncodingError` if
    the name is not one of a note key.
    """
    key = new_key(directory / SERVER_KEY, name, Algorithm.ED25519, passphrase)
    (directory / REQUEST_KEYS).mkdir(mode=0o700, exist_ok=True)
    return key


@final
class ServerKeys:
    """The keys in ``directory``, and ``secret_keys``: devices encrypt to the first of these.

    There is a request key for each day: for the current one and the seven after it. A key can be
    destroyed an hour after the end of its day. The descriptor has ``url``, and is kept in the file
    ``descriptor``.

    Raises `SecretFileError` or `InvalidEncodingError`.
    """

    def __init__(
        self,
        directory: Path,
        secret_keys: Sequence[SecretKey],
        url: str,
        passphrase: str | None = None,
    ) -> None:
        if not secret_keys:
            raise InvalidEncodingError("keys", "there is none: `billboard keygen` makes one")
        self.secret_keys = tuple(secret_keys)
        self.directory, self._url, self._passphrase = directory, url, passphrase
        self._signer = load_signer(directory / SERVER_KEY, passphrase)
        self._requests: dict[bytes, RequestSecret] = {}
        (directory / REQUEST_KEYS).mkdir(mode=0o700, exist_ok=True)  # a restored backup has none
        self._load()
        self._descriptor = self._read()

    @property
    def server(self) -> NoteKey:
        """The public server key."""
        return self._signer.key

    @property
    def frame_class(self) -> FrameClass:
        """The class of the keys."""
        return self.secret_keys[0].public_key.frame_class

    @property
    def descriptor(self) -> bytes:
        """The descriptor that holds, a signed note, as `renew` made it."""
        return self._descriptor[1]

    def request_secret(self, key_id: bytes) -> RequestSecret:
        """Return the request key with this id. Raises `NotMine` if it is not there."""
        if key_id not in self._requests:
            raise NotMine("not a request key of this server")
        return self._requests[key_id]

    def held(self, now: float) -> set[bytes]:
        """Return the ids of the request keys that `destroy` does not delete."""
        hour = hours(max(now - _DRAIN, 0.0))
        return {key_id for key_id, secret in self._requests.items() if not _is_over(secret, hour)}

    def holds(self, key_id: bytes, now: float) -> bool:
        """Whether something sealed to this request key is taken now."""
        secret, hour = self._requests.get(key_id), hours(now)
        if secret is None or _is_over(secret, hour):
            return False
        return secret.key.start - _GRACE <= hour

    def ended(self, now: float) -> bool:
        """Whether there is a request key that `destroy` would delete."""
        return len(self.held(now)) < len(self._requests)

    def renew(self, now: float) -> None:
        """Make the request keys and the descriptor for ``now``.

        Several processes may have the same directory: they have the same keys.
        """
        with self._locked():
            self._load()
            self._make(now)
            self._describe(now)

    def destroy(self, now: float) -> None:
        """Delete the request keys that are over. What is sealed to them cannot be opened then."""
        with self._locked():
            # These are of processes that ended while they wrote a key.
            for path in (self.directory / REQUEST_KEYS).glob(".*"):
                _delete(path)
            for key_id in set(self._requests) - self.held(now):
                _delete(self._path(self._requests[key_id]))
                del self._requests[key_id]

    def _make(self, now: float) -> None:
        today = hours(now) // _DAY
        starts = {secret.key.start for secret in self._requests.values()}
        for start in range(today * _DAY, (today + DAYS_AHEAD) * _DAY, _DAY):
            if start not in starts:
                made = RequestSecret.generate(start, start + _DAY)
                made.save(self._path(made), self._passphrase)
                self._add(made)

    def _describe(self, now: float) -> None:
        """Sign a new descriptor if the last one does not have the current keys and URL."""
        self._descriptor = self._read()
        last, _ = self._descriptor
        hour = hours(now)
        keys = sorted((each.key for each in self._requests.values()), key=lambda key: key.start)
        number = max(int(now), last.number + 1 if last is not None else 0)
        current = ServerDescriptor(
            self.server,
            number,
            self._url,
            tuple(key.public_key for key in self.secret_keys),
            # If the clock was ahead once, there are keys for days that are further away.
            tuple(key for key in keys if hour < key.end <= (hour // _DAY + DAYS_AHEAD) * _DAY),
        )
        if last is not None and replace(current, number=last.number) == last:
            return
        signed = current.sign(self._signer)
        path = self.directory / DESCRIPTOR
        try:
            replace_file(path, signed)
        except OSError as error:
            raise SecretFileError(f"{path} cannot be written: {error.strerror}") from None
        self._descriptor = current, signed

    def _read(self) -> tuple[ServerDescriptor | None, bytes]:
        """Return the descriptor in the file, if it is one of this server."""
        path = self.directory / DESCRIPTOR
        try:
            signed = path.read_bytes()
            return read_descriptor(signed, self.server), signed
        except FileNotFoundError:
            return None, b""
        except (InvalidEncodingError, InvalidSignatureError) as error:
            _log.warning("%s is not used, and will be replaced: %s", path, error)
            return None, b""

    def _load(self) -> None:
        """Read the request keys that are not known yet."""
        known = {self._path(secret) for secret in self._requests.values()}
        for path in sorted((self.directory / REQUEST_KEYS).glob("*.key")):
            if path not in known:
                self._add(RequestSecret.load(path, self._passphrase))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes out of such a block."""
        path = self.directory / REQUEST_KEYS
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise SecretFileError(f"{path} cannot be read: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _add(self, secret: RequestSecret) -> None:
        self._requests[secret.key.id(self.server)] = secret

    def _path(self, secret: RequestSecret) -> Path:
        key_id = secret.key.id(self.server).hex()
        return self.directory / REQUEST_KEYS / f"{secret.key.start}-{key_id}.key"


def open_request(keys: ServerKeys, sealed: bytes) -> PushRequest | Revocation:
    """Open what was sealed to a request key of ``keys`` (SPEC 10.2), and say what it asks for.

    ``sealed`` is one request, of `request_size` bytes. The blob of a push request stays encrypted:
    `open_tick` opens the blobs of a tick together. Raises `NotMine` for everything that is no
    request to one of these keys, also for another length or version: drop it (SPEC 10.4).
    """
    try:
        key_id = key_id_of(sealed, request_size(keys.frame_class))
    except InvalidEncodingError:
        raise NotMine("not a request of SPEC 10.2") from None
    secret = keys.request_secret(key_id)
    plaintext = secret.open(LABEL, keys.server, keys.frame_class, sealed)
    return open_plaintext(plaintext, keys.frame_class)


def _is_over(secret: RequestSecret, hour: int) -> bool:
    return secret.key.end + _GRACE <= hour


def _delete(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SecretFileError(f"{path} cannot be deleted: {error.strerror}") from None
