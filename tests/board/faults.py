"""Faults of storage: each write, and what makes it durable, passes a hook first.

`watched` puts the hook between SQLite and its files, and between `FileObjects` and the operating
system. A hook may kill the process, raise, change what is written, or write down what is done, so
that `crashed` can tell what a power loss would have left.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
from processes import LONGEST


@dataclass(frozen=True)
class Operation:
    """Something that is about to be done to a file or directory."""

    kind: str
    path: str
    offset: int = 0
    data: bytes = b""
    other: str = ""
    """Of a link or a rename: the new name."""

    @property
    def of_sqlite(self) -> bool:
        return ".sqlite" in self.path


Hook = Callable[[Operation], bytes | None]
"""Called before an operation; may give other bytes to write."""


@contextmanager
def watched(hook: Hook) -> Iterator[None]:
    """Let all that is written in the block, by this process, pass ``hook`` first."""
    vfs = _Vfs(hook)
    system = _System(hook)
    try:
        with mock.patch.multiple(os, **system.replacements):
            yield
    finally:
        vfs.unregister()


class _Vfs(apsw.VFS):
    def __init__(self, hook: Hook) -> None:
        super().__init__("watched", "unix", makedefault=True)
        self._hook = hook

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        if not Path(path).exists() and flags[0] & apsw.SQLITE_OPEN_CREATE:
            self._hook(Operation("create", path))
        return _File(self._hook, path, name, flags)

    def xDelete(self, path: str, sync: bool) -> None:
        self._hook(Operation("unlink", path))
        super().xDelete(path, sync)
        if sync:
            self._hook(Operation("sync", str(Path(path).parent)))


class _File(apsw.VFSFile):
    def __init__(self, hook: Hook, path: str, name: Any, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._hook, self._path = hook, path

    def xWrite(self, data: bytes, offset: int) -> None:
        data = bytes(data)
        super().xWrite(self._hook(Operation("write", self._path, offset, data)) or data, offset)

    def xTruncate(self, size: int) -> None:
        self._hook(Operation("truncate", self._path, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self._hook(Operation("sync", self._path))
        super().xSync(flags)


class _System:
    """Functions of `os` that call the hook first. Descriptors that others opened are not theirs."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._real = {
            name: getattr(os, name)
            for name in (
                *("open", "close", "write", "fsync"),
                *("link", "rename", "unlink", "mkdir", "rmdir"),
            )
        }
        self._paths: dict[int, str] = {}
        self._offsets: dict[int, int] = {}

    @property
    def replacements(self) -> dict[str, Any]:
        return {name: getattr(self, f"_{name}") for name in self._real}

    def _path(self, path: Any, dir_fd: int | None) -> str:
        path = os.fspath(path)
        return path if dir_fd is None else f"{self._paths[dir_fd]}/{path}"

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        full = self._path(path, dir_fd)
        if flags & os.O_CREAT:
            self._hook(Operation("create", full))
        descriptor: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        self._paths[descriptor], self._offsets[descriptor] = full, 0
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._paths.pop(descriptor, None)
        self._real["close"](descriptor)

    def _write(self, descriptor: int, data: Any) -> int:
        if descriptor not in self._paths:
            return int(self._real["write"](descriptor, data))
        whole, offset = bytes(data), self._offsets[descriptor]
        operation = Operation("write", self._paths[descriptor], offset, whole)
        written: int = self._real["write"](descriptor, self._hook(operation) or whole)
        self._offsets[descriptor] += written
        return written

    def _fsync(self, descriptor: int) -> None:
        if descriptor in self._paths:
            self._hook(Operation("sync", self._paths[descriptor]))
        self._real["fsync"](descriptor)

    def _link(self, source: Any, target: Any) -> None:
        self._hook(Operation("link", os.fspath(source), other=os.fspath(target)))
        self._real["link"](source, target)

    def _rename(self, source: Any, target: Any) -> None:
        if Path(source).exists():
            self._hook(Operation("rename", os.fspath(source), other=os.fspath(target)))
        self._real["rename"](source, target)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._hook(Operation("unlink", self._path(path, dir_fd)))
        self._real["unlink"](path, dir_fd=dir_fd)

    def _mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if not Path(path).is_dir():
            self._hook(Operation("mkdir", self._path(path, dir_fd)))
        self._real["mkdir"](path, mode, dir_fd=dir_fd)

    def _rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._hook(Operation("rmdir", self._path(path, dir_fd)))
        self._real["rmdir"](path, dir_fd=dir_fd)


class Counter:
    """A hook that counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, operation: Operation) -> None:  # noqa: ARG002
        self.count += 1


class Killer:
    """A hook that kills the process with SIGKILL before the operation ``number``.

    If that is a write, the first ``part`` of it, from 0 to 1, is still done.
    """

    def __init__(self, number: int, part: float = 0) -> None:
        self._left, self._part = number, part

    def __call__(self, operation: Operation) -> None:
        if self._left == 0:
            if operation.kind == "write" and self._part:
                _write_to(operation, operation.data[: int(self._part * len(operation.data))])
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class Failer:
    """A hook that fails the operation ``number``, or with ``forever`` all from then on."""

    def __init__(self, number: int, code: int, *, forever: bool = False) -> None:
        self._left, self._code, self._forever = number, code, forever
        self.failed = False
        self.what = ""
        self.of_objects = False

    def __call__(self, operation: Operation) -> None:
        self._left -= 1
        if self._left < 0 and (self._forever or not self.failed):
            if self._code == errno.ENOSPC and operation.kind not in ("write", "create", "mkdir"):
                return
            if not self.failed:
                self.failed, self.of_objects = True, not operation.of_sqlite
                self.what = f"{operation.kind} of {operation.path}"
            if operation.of_sqlite:
                raise apsw.FullError if self._code == errno.ENOSPC else apsw.IOError
            raise OSError(self._code, os.strerror(self._code))


class Flipper:
    """A hook that flips a bit of the first bytes that are written to a path which has ``part``."""

    def __init__(self, part: str, chosen: random.Random) -> None:
        self._part, self._chosen = part, chosen
        self.flipped = ""

    def __call__(self, operation: Operation) -> bytes | None:
        if self.flipped or operation.kind != "write" or self._part not in operation.path:
            return None
        self.flipped = operation.path
        damaged = bytearray(operation.data)
        damaged[self._chosen.randrange(len(damaged))] ^= 1 << self._chosen.randrange(8)
        return bytes(damaged)


class Recorder:
    """A hook that writes down what is done, and `mark` what was promised meanwhile."""

    def __init__(self) -> None:
        self.done: list[Operation | str] = []

    def __call__(self, operation: Operation) -> None:
        self.done.append(operation)

    def mark(self, promise: str) -> None:
        self.done.append(promise)


def _write_to(operation: Operation, data: bytes) -> None:
    descriptor = os.open(operation.path, os.O_WRONLY)
    os.pwrite(descriptor, data, operation.offset)
    os.close(descriptor)


@dataclass
class _Inode:
    durable: bytes = b""
    pending: list[Operation] = field(default_factory=list)

    def content(self, kept: Callable[[Operation], Operation | None]) -> bytes:
        """What is durable, and of what is not, what is ``kept``."""
        data = bytearray(self.durable)
        for each in self.pending:
            operation = kept(each)
            if operation is None:
                continue
            end = operation.offset + len(operation.data)
            data.extend(bytes(max(end - len(data), 0)))
            if operation.kind == "truncate":
                del data[operation.offset :]
            else:
                data[operation.offset : end] = operation.data
        return bytes(data)


_Names = dict[str, _Inode | None]
_Change = Callable[[_Names], object]


def _named(path: str, inode: _Inode | None) -> _Change:
    return lambda names: names.update({path: inode})


def _renamed(path: str, new: str) -> _Change:
    """With all that is below it: of a name both are there, or neither."""

    def change(names: _Names) -> None:
        for name in [each for each in names if f"{each}/".startswith(f"{path}/")]:
            names[new + name.removeprefix(path)] = names.pop(name)

    return change


class _Disk:
    """Files, and which of their bytes and names are durable."""

    def __init__(self, directory: Path) -> None:
        self.names: _Names = {}
        """As they are seen; None is a directory."""
        for path in directory.rglob("*"):
            self.names[str(path)] = None if path.is_dir() else _Inode(path.read_bytes())
        self.durable = dict(self.names)
        self.pending: list[tuple[str, _Change]] = []
        """Changes of names: whose, and what is done to all names."""

    def do(self, operation: Operation) -> None:
        path = operation.path
        if operation.kind in ("write", "truncate"):
            self._inode(path).pending.append(operation)
        elif operation.kind == "sync":
            self._sync(path)
        elif operation.kind == "link":
            self._change(operation.other, _named(operation.other, self.names[path]))
        elif operation.kind in ("create", "mkdir"):
            self._change(path, _named(path, _Inode() if operation.kind == "create" else None))
        elif operation.kind == "rename":
            self._change(path, _renamed(path, operation.other))
        else:
            self._change(path, lambda names: names.pop(path, None))

    def left(self, chosen: random.Random) -> dict[str, bytes | None]:
        """What a power loss leaves: all that is durable, and any of the rest."""
        likely = chosen.choice([0.0, 0.2, 0.5, 0.9])

        def kept(operation: Operation) -> Operation | None:
            if chosen.random() >= likely:
                return None
            sectors = len(operation.data) // 512
            if operation.kind == "write" and sectors and chosen.random() < 0.2:
                whole = operation.data[: 512 * chosen.randrange(sectors + 1)]
                return Operation("write", operation.path, operation.offset, whole)
            return operation

        names = dict(self.durable)
        for _, change in self.pending:
            if chosen.random() < likely:
                change(names)
        return {
            path: None if inode is None else inode.content(kept) for path, inode in names.items()
        }

    def _inode(self, path: str) -> _Inode:
        inode = self.names[path]
        assert inode is not None, f"{path} is a directory"
        return inode

    def _change(self, path: str, change: _Change) -> None:
        change(self.names)
        self.pending.append((path, change))

    def _sync(self, path: str) -> None:
        inode = self.names.get(path)
        if inode is not None:
            inode.durable = inode.content(lambda operation: operation)
            inode.pending.clear()
        # SQLite's own code syncs the directory of a file that it made with the file.
        synced = [each for each in self.pending if self._is_synced(each[0], path, inode)]
        for _, change in synced:
            change(self.durable)
        self.pending = [each for each in self.pending if each not in synced]

    def _is_synced(self, name: str, path: str, inode: _Inode | None) -> bool:
        return name == path and ".sqlite" in path if inode else str(Path(name).parent) == path


def crashed(
    before: Path, recorded: Recorder, end: int, chosen: random.Random, after: Path
) -> list[str]:
    """Make ``after`` of ``before`` as a power loss after ``end`` of the operations leaves it.

    Returns what had been promised by then.
    """
    disk = _Disk(before)
    promises = []
    for operation in recorded.done[:end]:
        if isinstance(operation, str):
            promises.append(operation)
        else:
            disk.do(operation)
    after.mkdir()
    left = disk.left(chosen)
    # A name is lost with the directory that it is in.
    for path in sorted(left):
        target, data = after / Path(path).relative_to(before), left[path]
        if target.parent.is_dir():
            if data is None:
                target.mkdir()
            else:
                target.write_bytes(data)
                target.chmod(0o600)
    return promises


Play = Callable[[Path, Any, Callable[[str], None]], None]
"""Does something in a directory, with what it is given, and says what it has promised."""

Killing = Callable[[Path, Any, "Hook"], tuple[list[str], bool]]
"""Plays with a hook that kills the process: what was promised before, and whether it was killed."""


def _play_often(pipe: Connection, play: Play) -> None:
    """In a process of its own, that starts one more for each play, and outlives it."""
    for path, given, hook in iter(pipe.recv, None):
        child = os.fork()
        if not child:
            with watched(hook):
                play(path, given, pipe.send)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        pipe.send(os.waitstatus_to_exitcode(status))


@contextmanager
def killing(play: Play) -> Iterator[Killing]:
    """Play in processes that are killed. ``play`` is a function of a module."""

    def play_killed(path: Path, given: Any, hook: Hook) -> tuple[list[str], bool]:
        ours.send((path, given, hook))
        promises: list[str] = []
        while True:
            assert ours.poll(LONGEST), "the process hangs"
            received = ours.recv()
            if isinstance(received, int):
                assert received in (-signal.SIGKILL, 0)
                return promises, received != 0
            promises.append(received)

    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_play_often, args=(theirs, play))
    process.start()
    theirs.close()
    with ours:
        yield play_killed
        ours.send(None)
        process.join(LONGEST)
    process.kill()
