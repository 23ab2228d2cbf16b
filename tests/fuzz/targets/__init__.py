"""The targets by name, which is also the name of the folder of a target's corpus."""

from __future__ import annotations

from ..target import Target
from . import (
    board,
    config,
    files,
    findmy,
    groups,
    keys,
    lanes,
    logs,
    posts,
    providers,
    published,
    push,
    requests,
    tokens,
    waku,
    web_push,
)

TARGETS: dict[str, Target] = {
    **keys.TARGETS,
    **tokens.TARGETS,
    **lanes.TARGETS,
    **posts.TARGETS,
    **board.TARGETS,
    **logs.TARGETS,
    **published.TARGETS,
    **files.TARGETS,
    **push.TARGETS,
    **providers.TARGETS,
    **config.TARGETS,
    **requests.TARGETS,
    **groups.TARGETS,
    **findmy.TARGETS,
    **web_push.TARGETS,
    **waku.TARGETS,
}
