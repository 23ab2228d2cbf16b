"""The push server, which takes requests and wakes devices through push services (SPEC 10).

`PushServer` is the engine, and ``create_app`` serves it over HTTP (extra ``server``). Senders make
requests with ``seal``. `billboard.push.dispatch` delivers notifications, and can be used by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billboard.push.config import (
        Config as Config,
    )
    from billboard.push.metrics import (
        Metrics as Metrics,
    )
    from billboard.push.outbox import (
        Outbox as Outbox,
        Pace as Pace,
        Registry as Registry,
        Requests as Requests,
        SealedRequest as SealedRequest,
        Upkeep as Upkeep,
    )
    from billboard.push.requests.courier import (
        Courier as Courier,
        HttpCourier as HttpCourier,
    )
    from billboard.push.requests.descriptor import (
        ServerDescriptor as ServerDescriptor,
        newest_descriptor as newest_descriptor,
        server_id as server_id,
    )
    from billboard.push.requests.registration import (
        HandleKey as HandleKey,
        Registration as Registration,
    )
    from billboard.push.requests.request import (
        PushRequest as PushRequest,
        Revocation as Revocation,
        gate_of as gate_of,
        new_kappa as new_kappa,
        open_plaintext as open_plaintext,
        request_size as request_size,
        seal as seal,
    )
    from billboard.push.requests.request_key import (
        RequestKey as RequestKey,
        RequestSecret as RequestSecret,
    )
    from billboard.push.requests.waku import (
        WakuClient as WakuClient,
        WakuCourier as WakuCourier,
        content_topic as content_topic,
    )
    from billboard.push.server import (
        create_app as create_app,
    )
    from billboard.push.server_keys import (
        ServerKeys as ServerKeys,
        create_server_keys as create_server_keys,
        open_request as open_request,
    )
    from billboard.push.service import (
        PushServer as PushServer,
        Timing as Timing,
    )
    from billboard.push.sqlite import (
        SqliteOutbox as SqliteOutbox,
    )
    from billboard.push.tick import (
        Drop as Drop,
        Tick as Tick,
        open_tick as open_tick,
    )
    from billboard.push.waku_source import (
        WakuSource as WakuSource,
    )
else:
    from billboard.lazy import exports

    __getattr__, __dir__, __all__ = exports(
        __name__,
        {
            "billboard.push.config": "Config",
            "billboard.push.metrics": "Metrics",
            "billboard.push.outbox": "Outbox Pace Registry Requests SealedRequest Upkeep",
            "billboard.push.requests.courier": "Courier HttpCourier",
            "billboard.push.requests.descriptor": "ServerDescriptor newest_descriptor server_id",
            "billboard.push.requests.registration": "HandleKey Registration",
            "billboard.push.requests.request": (
                "PushRequest Revocation gate_of new_kappa open_plaintext request_size seal"
            ),
            "billboard.push.requests.request_key": "RequestKey RequestSecret",
            "billboard.push.requests.waku": "WakuClient WakuCourier content_topic",
            "billboard.push.server": "create_app",
            "billboard.push.server_keys": "ServerKeys create_server_keys open_request",
            "billboard.push.service": "PushServer Timing",
            "billboard.push.sqlite": "SqliteOutbox",
            "billboard.push.tick": "Drop Tick open_tick",
            "billboard.push.waku_source": "WakuSource",
        },
        {
            "billboard.push.metrics": "server",
            "billboard.push.requests.courier": "client",
            "billboard.push.requests.waku": "client",
            "billboard.push.server": "server",
            "billboard.push.waku_source": "client",
        },
    )
