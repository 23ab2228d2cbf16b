"""The file in which a device or a sender keeps its state (SPEC 11)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Self, TypeVar, final

import msgspec

from billboard.errors import InvalidEncodingError, SecretFileError
from billboard.storage import secret_file
from billboard.storage.files import lock_file, replace_file
from billboard.storage.secret_file import Kind
from billboard.times import utc

_LARGEST = 1 << 26
_VERSION = 1

LOG_LENGTH = 20
"""Lines of the log of problems that are kept."""

S = TypeVar("S", bound="State")


class State(msgspec.Struct):
    """A part of a state. Its representation shows nothing, because a state holds secrets."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __bytes__(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse what `bytes` gave. Raises `InvalidEncodingError`."""
        try:
            return msgspec.msgpack.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise InvalidEncodingError("state", f"is not a {cls.__name__}") from None


class LoggedState(State, kw_only=True):
    """A state with a log of recent problems: when, in seconds since 1970, and what went wrong."""

    log: list[tuple[float, str]] = msgspec.field(default_factory=list)

    def tell(self, at: float, problem: str) -> None:
        """Remember that something went wrong."""
        self.log = [*self.log, (at, problem)][-LOG_LENGTH:]

    def problems(self) -> Iterator[str]:
        """The recent problems, as lines to show."""
        for at, problem in self.log:
            yield f"{utc(at)}: {problem}"


@final
class StateFile(Generic[S]):
    """A state of type ``kind``, encrypted under a ``key`` of 32 bytes, for one process at a time.

    `write` puts a state on stable storage as a whole, or leaves the previous one. Nothing here
    notices an older file that was put back: whatever uses the state must allow for that.

    Raises `SecretFileError`, also if another process uses the file.
    """

    def __init__(
        self, path: str | os.PathLike[str], key: bytes, kind: Kind, state_type: type[S]
    ) -> None:
        self._path, self._key, self._kind, self._type = Path(path), bytes(key), kind, state_type
        if len(self._key) != secret_file.KEY_SIZE:
            raise SecretFileError(f"the key must have {secret_file.KEY_SIZE} bytes")
        self._lock: int | None = _locked(self._path)
        self._written = b""

    def close(self) -> None:
        """Let another process use the file."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def create(self, state: S) -> None:
        """Write the first state. Raises `SecretFileError` if the file exists."""
        if self._path.exists():
            self.close()
            raise SecretFileError(f"{self._path} exists; a state is never overwritten")
        self._write_first(state)

    def read_or_create(self) -> S:
        """Return the state that was written last, or make and write the first one."""
        if self._path.exists():
            return self.read()
        state = self._type()
        self._write_first(state)
        return state

    def _write_first(self, state: S) -> None:
        try:
            self.write(state)
        except BaseException:
            self.close()  # the caller does not have the file yet, and so cannot close it
            raise

    def read(self) -> S:
        """Return the state that was written last. Raises `SecretFileError`."""
        try:
            data = secret_file.read(self._path, _LARGEST)
            payload = secret_file.decode_keyed(data, self._kind, self._key)
            if payload[:1] != bytes([_VERSION]):
                raise SecretFileError("its version is not known here: upgrade billboard")
            return self._type.from_bytes(payload[1:])
        except SecretFileError as error:
            self.close()
            raise SecretFileError(f"{self._path}: {error}") from None
        except InvalidEncodingError:
            self.close()
            problem = "its content is not known here: upgrade billboard"
            raise SecretFileError(f"{self._path}: {problem}") from None

    def write(self, state: S) -> None:
        """Replace the state, unless nothing changed. When this returns it is on stable storage."""
        payload = bytes([_VERSION]) + bytes(state)
        if payload == self._written:
            return
        data = secret_file.encode_keyed(self._kind, payload, self._key)
        try:
            replace_file(self._path, data, private=True)
        except OSError as error:
            problem = f"{self._path} cannot be written: {error.strerror}"
            raise SecretFileError(problem) from error
        self._written = payload


def _locked(path: Path) -> int:
    try:
        lock = lock_file(path.with_name(f"{path.name}.lock"))
        for left in path.parent.iterdir():
            if left.name.startswith(f".{path.name}."):  # from a crash during a write
                left.unlink()
    except BlockingIOError:
        raise SecretFileError(f"{path}: another process uses this state") from None
    except OSError as error:
        raise SecretFileError(f"{path} cannot be used: {error.strerror}") from error
    return lock
