"""Every exception that billboard raises on purpose.

No message, and no attribute, ever holds a secret, a token or a blob.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

__all__ = [
    "BillboardError",
    "BoardError",
    "BoardFault",
    "BusyError",
    "ConfigError",
    "EpochError",
    "ForkError",
    "GroupMismatchError",
    "InvalidEncodingError",
    "InvalidRowsError",
    "InvalidSignatureError",
    "MissingExtraError",
    "NotAdmittedError",
    "NotMine",
    "PostRefusal",
    "ProviderError",
    "RefusedCheckpointError",
    "RefusedPostError",
    "RefusedRequestError",
    "RequestRefusal",
    "SecretFileError",
    "StoreError",
    "UnreachableError",
    "UnsupportedError",
    "WakuError",
    "WakuFault",
    "WithdrawnError",
    "WitnessError",
]


class BillboardError(Exception):
    """Base class of all errors of this package."""


class InvalidEncodingError(BillboardError, ValueError):
    """Bytes that are not the canonical encoding of what they should be.

    ``field`` names the part that was wrong.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self._problem = problem

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.field, self._problem)


def listed(numbers: Sequence[int]) -> str:
    """Return the first 20 numbers as text, and `, ..` if there are more."""
    return ", ".join(map(str, numbers[:20])) + (", .." if len(numbers) > 20 else "")


class InvalidRowsError(InvalidEncodingError):
    """A batch in which some rows are not canonical; ``rows`` lists the index of each."""

    def __init__(self, field: str, rows: Sequence[int]) -> None:
        self.rows = tuple(rows)
        shown = listed(self.rows)
        super().__init__(
            field, f"{len(self.rows)} rows are not canonical (rows {shown}); nothing was returned"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.field, self.rows)


class GroupMismatchError(BillboardError, TypeError):
    """An operation on elements or scalars of two groups; ``groups`` has both names."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"an operation cannot mix {first} and {second}")
        self.groups = (first, second)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.groups


class UnsupportedError(BillboardError):
    """Something that a group does not have, or that is not installed (SPEC 12)."""


class MissingExtraError(BillboardError, ImportError):
    """A package that is needed is not installed; ``extra`` is the extra that installs it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}, which is not installed:"
            f" pip install 'anonymous-billboard[{extra}]'"
        )
        self.extra = extra
        self._what, self._package = what, package

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self._what, self._package, self.extra)


class NotMine(BillboardError):
    """The blob, frame or post is not for this key or lane, or is no longer valid.

    The error deliberately does not say which (SPEC 5, 6.4). Try another key or lane, or drop it.
    """


class WithdrawnError(BillboardError):
    """The post is of this lane, but its owner withdrew it (SPEC 8.2). Try the next epoch."""


class InvalidSignatureError(BillboardError):
    """A signature or proof that does not verify."""


class EpochError(BillboardError, ValueError):
    """An epoch outside of what a lane, grant or board covers."""


class SecretFileError(BillboardError):
    """A secret file that cannot be used: permissions, passphrase, damage or version."""


class StoreError(BillboardError):
    """The board's database failed.

    Nothing of the failed operation was kept, unless the message says that this is not known.
    """


class NotAdmittedError(BillboardError):
    """A submission is not let in: the rate limit is reached, or its proof of work is not valid."""


class PostRefusal(enum.StrEnum):
    """Why a board does not accept a post (SPEC 9.1)."""

    ENCODING = "encoding"
    CLASS = "class"
    EPOCH = "epoch"
    SIGNATURE = "signature"
    PUBLISHED = "published"
    SEQ = "seq"
    QUOTA = "quota"
    ADMISSION = "admission"


class RefusedPostError(BillboardError):
    """The board does not accept this post; nothing was stored. ``reason`` says why."""

    def __init__(self, reason: PostRefusal, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = PostRefusal(reason)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, str(self))


class BoardFault(enum.StrEnum):
    """What is wrong with a board that is read over the network, the worst last."""

    UNREACHABLE = "unreachable"
    """There is no answer, or the answer is not that of a board. Try again later."""

    STALE = "stale"
    """It shows nothing as recent as its schedule requires (SPEC 9.5)."""

    SCHEDULE = "schedule"
    """It did not publish editions when they were due. Only a `Monitor` finds that."""

    MISSING = "missing"
    """Something that it signed is not there. It may have expired."""

    DAMAGED = "damaged"
    """What it serves is not what it signed."""

    SIGNATURE = "signature"
    """A signature that must be there is missing or wrong."""

    LOST = "lost"
    """It promised to publish a post and did not (SPEC 9.6)."""

    MISBEHAVIOR = "misbehavior"
    """What it signed breaks a rule."""

    FORK = "fork"
    """It signed two logs of which neither is the beginning of the other."""


class BoardError(BillboardError):
    """A board that is read over the network is not as it should be. ``reason`` says how.

    ``evidence`` has what proves it to others, if anything does: two signed checkpoints for a fork;
    for an entry of the master log that breaks a rule, the entry and a proof of it (SPEC 9.8).
    """

    def __init__(
        self, reason: BoardFault, explanation: str, evidence: Sequence[bytes] = ()
    ) -> None:
        super().__init__(explanation)
        self.reason = BoardFault(reason)
        self.evidence = tuple(evidence)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, str(self), self.evidence)


class WitnessError(BillboardError):
    """A witness did not cosign a checkpoint; the message says why."""


class ForkError(WitnessError):
    """A witness has seen a longer log than this one, or a different one.

    If the board signed more, it would fork its log. It is an old backup, or somebody else signs
    with its key. ``checkpoint`` is the signed note that the witness shows; a board ignores a
    witness that cannot show one.
    """

    def __init__(self, explanation: str, checkpoint: bytes) -> None:
        super().__init__(explanation)
        self.checkpoint = checkpoint

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.checkpoint)


class RefusedCheckpointError(WitnessError):
    """A checkpoint that this witness does not cosign; nothing was stored.

    ``status`` is the HTTP status (C2SP tlog-witness): 400 if the request is malformed, 404 if the
    witness does not watch the log, 403 if no known key of the log signed, 409 if the old size is
    not the size of the last checkpoint that it cosigned (``size`` is then that size), and 422 if
    the proof does not show that the checkpoint continues that one.
    """

    def __init__(self, status: int, explanation: str, size: int | None = None) -> None:
        super().__init__(explanation)
        self.status, self.size = status, size

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.status, str(self), self.size)


class BusyError(BillboardError):
    """A queue or store is full. Try again later."""


class RequestRefusal(enum.StrEnum):
    """Why a push server refuses a request or registration (SPEC 10.6, 10.7)."""

    ENCODING = "encoding"
    KEY = "key"
    SIGNATURE = "signature"
    TIME = "time"


class RefusedRequestError(BillboardError):
    """A push server refuses this request or registration; nothing was stored.

    ``reason`` says why.
    """

    def __init__(self, reason: RequestRefusal, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = RequestRefusal(reason)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, str(self))


class UnreachableError(BillboardError):
    """A push server gives no answer, or one that is not a push server's. Try again later."""


class ConfigError(BillboardError):
    """A configuration file cannot be used; the message says where and why."""


class ProviderError(BillboardError):
    """A push provider is misconfigured: a bad signing key, an app without a topic, a bad host."""


class WakuFault(enum.StrEnum):
    """What is wrong with a Waku node."""

    UNREACHABLE = "unreachable"
    """There is no answer. The node may still have done what it was asked to do. Ask again."""

    REFUSED = "refused"
    """The node refuses; the message says why."""

    ANSWER = "answer"
    """The answer is not that of a Waku node."""


class WakuError(BillboardError):
    """A Waku node did not do what it was asked to do. ``reason`` says why."""

    def __init__(self, reason: WakuFault, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = WakuFault(reason)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, str(self))
