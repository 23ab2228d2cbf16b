"""The content of notifications: constant, so that it tells nothing (SPEC 10.4).

No part of a push request is ever in it. Some providers take another content, which is then the same
for all their notifications too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CONTENT_FREE_PAYLOAD = b'{"aps":{"alert":{"loc-key":"NEW_MESSAGE"},"mutable-content":1}}'
"""The payload of APNs: an alert that an extension of the app replaces by what it fetches."""

CONTENT_FREE_DATA: Mapping[str, str] = MappingProxyType({"event": "NEW_MESSAGE"})
"""The data message of FCM."""

CONTENT_FREE_BYTES = b'{"event":"NEW_MESSAGE"}'
"""The plaintext of Web Push, before it is padded and encrypted."""

MAX_PAYLOAD = 4096
"""Bytes; the limit of APNs, FCM and Web Push alike."""
