"""A queue and a dispatcher, which deliver notifications to push services and lose none.

`SqliteQueue` keeps notifications. `Dispatcher` makes attempts through a `Provider` of
`billboard.push.providers` until an answer is final. The package knows device tokens, but no blobs,
keys or boards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billboard.push.dispatch.dispatcher import (
        Dispatcher as Dispatcher,
    )
    from billboard.push.dispatch.notification import (
        Attempt as Attempt,
        Notification as Notification,
        Outcome as Outcome,
    )
    from billboard.push.dispatch.provider import (
        Provider as Provider,
    )
    from billboard.push.dispatch.queue import (
        Claim as Claim,
        DeadLetter as DeadLetter,
        Queue as Queue,
        Settlement as Settlement,
    )
    from billboard.push.dispatch.sqlite import (
        SqliteQueue as SqliteQueue,
    )
else:
    from billboard.lazy import exports

    __getattr__, __dir__, __all__ = exports(
        __name__,
        {
            "billboard.push.dispatch.dispatcher": "Dispatcher",
            "billboard.push.dispatch.notification": "Attempt Notification Outcome",
            "billboard.push.dispatch.provider": "Provider",
            "billboard.push.dispatch.queue": "Claim DeadLetter Queue Settlement",
            "billboard.push.dispatch.sqlite": "SqliteQueue",
        },
    )
