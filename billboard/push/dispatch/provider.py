"""The interface of a push service."""

from __future__ import annotations

from typing import Protocol

from billboard.push.dispatch.notification import Attempt, Notification
from billboard.tokens import DeviceToken, Platform


class Provider(Protocol):
    """A client of one push service. It never retries: the dispatcher alone does."""

    @property
    def platform(self) -> Platform:
        """The platform whose tokens it can address; constant."""

    @property
    def one_service(self) -> bool:
        """Whether all tokens belong to one push service, which fails for all of them at once."""

    @property
    def credential_age(self) -> float | None:
        """Age in seconds of the token by which it authenticates itself; None if it tells none."""

    def serves(self, token: DeviceToken) -> bool:
        """Whether it can push to the token: it has credentials for its app, and may reach it."""

    async def send(self, notification: Notification) -> Attempt:
        """Make exactly one attempt and classify the answer.

        When it returns, the attempt has ended. Whatever the network or the push service does
        becomes an outcome; an exception means a defect. Many calls may run at the same time.
        """

    async def aclose(self) -> None:
        """Close the connections. When it returns, nothing is in flight. May be called twice."""
