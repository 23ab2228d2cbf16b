"""Providers, the clients of push services: each makes single attempts and classifies the answers.

They need the extra ``push``, the one of Amazon SNS needs the extra ``sns``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billboard.push.providers.apns import ApnsProvider as ApnsProvider
    from billboard.push.providers.apns_key import ApnsKey as ApnsKey
    from billboard.push.providers.content import (
        CONTENT_FREE_BYTES as CONTENT_FREE_BYTES,
        CONTENT_FREE_DATA as CONTENT_FREE_DATA,
        CONTENT_FREE_PAYLOAD as CONTENT_FREE_PAYLOAD,
        MAX_PAYLOAD as MAX_PAYLOAD,
    )
    from billboard.push.providers.fcm import FcmProvider as FcmProvider
    from billboard.push.providers.fcm_account import FcmAccount as FcmAccount
    from billboard.push.providers.gorush import GorushProvider as GorushProvider
    from billboard.push.providers.pushy import PushyProvider as PushyProvider
    from billboard.push.providers.sns import SnsProvider as SnsProvider
    from billboard.push.providers.webpush import WebPushProvider as WebPushProvider
    from billboard.push.providers.webpush_hosts import (
        ANY_HOST as ANY_HOST,
        BROWSER_SERVICES as BROWSER_SERVICES,
    )
    from billboard.push.providers.webpush_vapid import VapidKey as VapidKey
else:
    from billboard.lazy import exports

    __getattr__, __dir__, __all__ = exports(
        __name__,
        {
            "billboard.push.providers.apns": "ApnsProvider",
            "billboard.push.providers.apns_key": "ApnsKey",
            "billboard.push.providers.content": (
                "CONTENT_FREE_BYTES CONTENT_FREE_DATA CONTENT_FREE_PAYLOAD MAX_PAYLOAD"
            ),
            "billboard.push.providers.fcm": "FcmProvider",
            "billboard.push.providers.fcm_account": "FcmAccount",
            "billboard.push.providers.gorush": "GorushProvider",
            "billboard.push.providers.pushy": "PushyProvider",
            "billboard.push.providers.sns": "SnsProvider",
            "billboard.push.providers.webpush": "WebPushProvider",
            "billboard.push.providers.webpush_hosts": "ANY_HOST BROWSER_SERVICES",
            "billboard.push.providers.webpush_vapid": "VapidKey",
        },
        {
            "billboard.push.providers.apns": "push",
            "billboard.push.providers.apns_key": "push",
            "billboard.push.providers.fcm": "push",
            "billboard.push.providers.fcm_account": "push",
            "billboard.push.providers.gorush": "push",
            "billboard.push.providers.pushy": "push",
            "billboard.push.providers.sns": "sns",
            "billboard.push.providers.webpush": "push",
            "billboard.push.providers.webpush_vapid": "push",
        },
    )
