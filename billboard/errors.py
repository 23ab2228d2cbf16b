"""Every exception that billboard raises on purpose.

No message, and no attribute, ever holds a secret, a token or a blob.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "BillboardError",
    "EpochError",
    "ForkedLogError",
    "GroupMismatchError",
    "InvalidEncodingError",
    "InvalidRowsError",
    "InvalidSignatureError",
    "NotMine",
    "ProviderError",
    "RefusedPostError",
    "SecretFileError",
    "StoreError",
    "UnsupportedError",
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


class InvalidRowsError(InvalidEncodingError):
    """A batch in which some rows are not canonical; ``rows`` lists the index of each."""

    def __init__(self, field: str, rows: Sequence[int]) -> None:
        self.rows = tuple(rows)
        shown = ", ".join(map(str, self.rows[:20])) + (", .." if len(self.rows) > 20 else "")
        super().__init__(
            field, f"{len(self.rows)} rows are not canonical (rows {shown}); nothing was returned"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.field, self.rows)


class GroupMismatchError(BillboardError, TypeError):
    """An operation on elements or scalars of two groups; ``groups`` has both names."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"an operation can not mix {first} and {second}")
        self.groups = (first, second)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.groups


class UnsupportedError(BillboardError):
    """Something that a group does not have, or that is not installed (SPEC 12)."""


class NotMine(BillboardError):
    """The blob, frame or post is not for this key or lane, or is no longer valid.

    Deliberately silent about the reason (SPEC 5, 6.4). Try another key or lane, or drop it.
    """


class WithdrawnError(BillboardError):
    """The post is of this lane, and withdrawn by its owner (SPEC 8.2). Try the next epoch."""


class InvalidSignatureError(BillboardError):
    """A signature or proof that does not verify."""


class EpochError(BillboardError, ValueError):
    """An epoch outside of what a lane, grant or board covers."""


class SecretFileError(BillboardError):
    """A secret file that can not be used: permissions, passphrase, damage or version."""


class StoreError(BillboardError):
    """The board's database failed.

    Nothing of the failed operation was kept, unless the message says that this is not known.
    """


class RefusedPostError(BillboardError):
    """The board does not accept this post; nothing was stored.

    ``reason`` is one of ``encoding``, ``class``, ``epoch``, ``signature``, ``published``, ``seq``,
    ``quota``, ``admission`` (SPEC 9.1).
    """

    def __init__(self, reason: str, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, str(self))


class WitnessError(BillboardError):
    """A witness did not cosign a checkpoint, and why."""


class ForkedLogError(WitnessError):
    """A witness has seen more of a log than this board knows, or another one with its key.

    The board is an old backup, or somebody else has its key: it must not sign.
    """


class ProviderError(BillboardError):
    """A push provider is misconfigured: a bad signing key, an app without a topic, a bad host."""
