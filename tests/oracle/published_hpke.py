"""Published test vectors of X-Wing and of HPKE with it, and a self-test against them.

Of what is long here is the SHA-256.
"""

import hashlib
from typing import NamedTuple

from . import hpke
from .symmetric import aead_seal


class Xwing(NamedTuple):
    """A key, the coins of an encapsulation to it, and what comes of them."""

    seed: str
    coins: str
    shared: str
    public: str
    enc: str


# draft-connolly-cfrg-xwing-kem, spec/test-vectors.json: seed, eseed, ss, and hashes of pk and ct.
XWING = (
    Xwing(
        "7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26",
        "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2"
        "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2",
        "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384",
        "2e816deebcd76c5c80d0cd2d174478871658e8e2ff42bc9d4a6e486372e856bb",
        "17cd532d657e44c897ca6583e548a5424fc70bf54f99515a4d2bcf99e3469f33",
    ),
    Xwing(
        "badfd6dfaac359a5efbb7bcc4b59d538df9a04302e10c8bc1cbf1a0b3a5120ea",
        "17cda7cfad765f5623474d368ccca8af0007cd9f5e4c849f167a580b14aabdef"
        "aee7eef47cb0fca9767be1fda69419dfb927e9df07348b196691abaeb580b32d",
        "f2e86241c64d60f6649fbc6c5b7d17180b780a3f34355e64a85749949c45f150",
        "c42ba5f8430d7d2c83739338203819f090e8303ce9c8b02107c272bfa5376916",
        "1661ea86d608a1924ba30840cb0a65f13ae051e3aec9cf0f064efc0bc92f2154",
    ),
    Xwing(
        "ef58538b8d23f87732ea63b02b4fa0f4873360e2841928cd60dd4cee8cc0d4c9",
        "22a96188d032675c8ac850933c7aff1533b94c834adbb69c6115bad4692d8619"
        "f90b0cdf8a7b9c264029ac185b70b83f2801f2f4b3f70c593ea3aeeb613a7f1b",
        "953f7f4e8c5b5049bdc771d1dffada0dd961477d1a2ae0988baa7ea6898d893f",
        "6b080d6b84f095342092fa7a22423e58bd681397ad0ef00eac92bd254db4fa95",
        "d3ca5578500344b5896cffc4fd740c9311946b82951df155e6fd86a7966b43c6",
    ),
    # draft-ietf-hpke-pq, as src/crypto/hpke/testdata/hpke-pq.json of Go 1.26 has it, of mode 0, KEM
    # 0x647a, KDF 1, AEAD 3: skRm, ikmE, shared_secret, and hashes of pkRm and enc.
    Xwing(
        "b3f98b03126a431ccecc62ae0f68e102c2d8e1cc7b21ba85d821d8e31761e0f8",
        "a3a869097e0241158eca5dc6c9e695f9e0d2ee5db51c09c435aab69d56509a43"
        "d94ff76d7d47cf79ecf75394261236cec024bd849cc782e14f7f0738af83daed",
        "b90cf181d95351d1091569487caaf6c3434eeb181a2c4c04631980ce139afa67",
        "120b60e0ae3c00c1c9def1c61aeb12de710bfa49646ae6f99a7e564b25ace493",
        "3a7ef30fb815e75b7f0f16f5bab5c36250882d94ea0f776cc2241cdd3b36b480",
    ),
)

# Of the last of these: info, key, base_nonce, and the first of its encryptions.
HPKE_INFO = b"4f6465206f6e2061204772656369616e2055726e"
HPKE_KEY = "4a4c042267e8ec360c83b2baf0d5e3dcca73a86531cdf67ec41d95bccfe12387"
HPKE_NONCE = "5ddfaaee10a4dfd0d8e1b49f"
HPKE_ASSOCIATED = b"Count-0"
HPKE_PLAINTEXT = b"4265617574792069732074727574682c20747275746820626561757479"
HPKE_BOX = (
    "ac355d192158cd54250e1702be51e9d2eafe5f9292a9f153e02a2323e1ff071a30947836c38c63c986c28ccf05e00d4e"
    "5fe066a48ab8d5b39c69d32da80c93dc868daa0f853a6cbdd640"
)


class SelfTestError(Exception):
    """The oracle does not reproduce a published value."""


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise SelfTestError(what)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def self_test() -> None:
    """Reproduce what others have published."""
    for case in XWING:
        pair = hpke.expand(bytes.fromhex(case.seed))
        shared, enc = hpke.encapsulate(pair.public, bytes.fromhex(case.coins))
        found = case.seed, case.coins, shared.hex(), _hash(pair.public), _hash(enc)
        _expect(found == case, f"X-Wing, {case.seed}")
        _expect(hpke.decapsulate(pair, enc) == shared, f"X-Wing, decapsulating, {case.seed}")
    key, nonce = hpke.schedule(bytes.fromhex(XWING[-1].shared), HPKE_INFO)
    _expect((key.hex(), nonce.hex()) == (HPKE_KEY, HPKE_NONCE), "HPKE, the key schedule")
    box = aead_seal(key, nonce, HPKE_PLAINTEXT, HPKE_ASSOCIATED)
    _expect(box.hex() == HPKE_BOX, "HPKE, the first encryption")
