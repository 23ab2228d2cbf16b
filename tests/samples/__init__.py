"""Random inputs for every operation of the test vectors: valid ones, and damaged ones."""

from samples import (  # noqa: F401  (they register their samplers)
    basics,
    blobs,
    board,
    files,
    findmy,
    frames,
    groups,
    keys,
    lanes,
    logs,
    notes,
    posts,
    proofs,
    push,
    requests,
    universal,
    webpush,
)
from samples.keys import named_keys
from samples.sampler import SAMPLERS

__all__ = ["SAMPLERS", "named_keys"]
