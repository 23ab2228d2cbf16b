"""Published test vectors of what the oracle builds on, and a self-test against them."""

from . import ed25519, findmy, merkle, notes, published_hpke, ristretto255
from .aes_gcm import gcm_open, gcm_seal
from .groups import GROUPS
from .hash_to_curve import TO_BLS12_381, TO_P256, TO_SECP256K1, hash_to_curve
from .refusals import Refused
from .symmetric import aead_open, aead_seal, hkdf_expand


def _words(text: str) -> list[str]:
    return text.split()


# RFC 9496, appendix A.1: encodings of 0 G, 1 G, .. 15 G.
MULTIPLES = _words("""
    0000000000000000000000000000000000000000000000000000000000000000
    e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76
    6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919
    94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259
    da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57
    e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e
    f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403
    44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d
    903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c
    02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031
    20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f
    bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42
    e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460
    aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f
    46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e
    e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e
""")

# RFC 9496, appendix A.2.
INVALID_ENCODINGS = {
    "non-canonical-field-encoding": _words("""
        00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
        ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
        f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
        edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
    """),
    "negative-field-element": _words("""
        0100000000000000000000000000000000000000000000000000000000000000
        01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
        ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20
        c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562
        c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78
        47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24
        f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72
        87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309
    """),
    "non-square-x2": _words("""
        26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371
        4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f
        de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b
        bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042
        2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08
        f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22
        8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731
        2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b
    """),
    "negative-xy": _words("""
        3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e
        a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220
        d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e
        8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32
        32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b
        227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165
        5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e
        445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b
    """),
    "s-minus-one-y-zero": _words("""
        ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
    """),
}

# RFC 9496, appendix A.3: by threes, the halves of an input and its output.
_HALVES_AND_OUTPUTS = _words("""
    5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c1
    4d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6
    3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46
    f116b34b8f17ceb56e8732a60d913dd10cce47a6d53bee9204be8b44f6678b27
    0102a56902e2488c46120e9276cfe54638286b9e4b3cdb470b542d46c2068d38
    f26e5b6f7d362d2d2a94c5d0e7602cb4773c95a2e5c31a64f133189fa76ed61b
    8422e1bbdaab52938b81fd602effb6f89110e1e57208ad12d9ad767e2e25510c
    27140775f9337088b982d83d7fcf0b2fa1edffe51952cbe7365e95c86eaf325c
    006ccd2a9e6867e6a2c5cea83d3302cc9de128dd2a9a57dd8ee7b9d7ffe02826
    ac22415129b61427bf464e17baee8db65940c233b98afce8d17c57beeb7876c2
    150d15af1cb1fb824bbd14955f2b57d08d388aab431a391cfc33d5bafb5dbbaf
    f8f0c87cf237953c5890aec3998169005dae3eca1fbb04548c635953c817f92a
    165d697a1ef3d5cf3c38565beefcf88c0f282b8e7dbd28544c483432f1cec767
    5debea8ebb4e5fe7d6f6e5db15f15587ac4d4d4a1de7191e0c1ca6664abcc413
    ae81e7dedf20a497e10c304a765c1767a42d6e06029758d2d7e8ef7cc4c41179
    a836e6c9a9ca9f1e8d486273ad56a78c70cf18f0ce10abb1c7172ddd605d7fd2
    979854f47ae1ccf204a33102095b4200e5befc0465accc263175485f0e17ea5c
    e2705652ff9f5e44d3e841bf1c251cf7dddb77d140870d1ab2ed64f1a9ce8628
    2cdc11eaeb95daf01189417cdddbf95952993aa9cb9c640eb5058d09702c7462
    2c9965a697a3b345ec24ee56335b556e677b30e6f90ac77d781064f866a3c982
    80bd07262511cdde4863f8a7434cef696750681cb9510eea557088f76d9e5065
    edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
    1200000000000000000000000000000000000000000000000000000000000000
    304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f
    edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
    ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
    304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f
    0000000000000000000000000000000000000000000000000000000000000080
    ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f
    304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f
    0000000000000000000000000000000000000000000000000000000000000000
    1200000000000000000000000000000000000000000000000000000000000080
    304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f
""")
ONE_WAY_MAP = [
    (_HALVES_AND_OUTPUTS[i] + _HALVES_AND_OUTPUTS[i + 1], _HALVES_AND_OUTPUTS[i + 2])
    for i in range(0, len(_HALVES_AND_OUTPUTS), 3)
]

# RFC 5869, appendix A.1 to A.3: PRK, info, OKM.
HKDF = [
    (
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e"
        "590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        b"",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]

# RFC 8439, section 2.8.2.
AEAD_KEY = bytes(range(0x80, 0xA0))
AEAD_NONCE = bytes.fromhex("070000004041424344454647")
AEAD_ASSOCIATED = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
AEAD_PLAINTEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
AEAD_BOX = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da9272"
    "8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831"
    "d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
)


# 2 G.
DOUBLES = {
    "p256": "037cf27b188d034f7e8a52380304b51ac3c08969e277f21b35a60b48fc47669978",
    "p224": "03706a46dc76dcb76798e60e6d89474788d16dc18032d268fd1a704fa6",
    "secp256k1": "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
    "bls12_381": "a572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62a"
    "e28f75bb8f1c7c42c39a8c5529bf0f4e",
}

# RFC 9380, appendices J.1.1, J.8.1 and J.9.1: x of the hashes of "" and "abc".
HASHES_TO_CURVE = [
    (
        TO_P256,
        "P256_XMD:SHA-256_SSWU_RO_",
        "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4",
        "0bb8b87485551aa43ed54f009230450b492fead5f1cc91658775dac4a3388a0f",
    ),
    (
        TO_SECP256K1,
        "secp256k1_XMD:SHA-256_SSWU_RO_",
        "c1cae290e291aee617ebaef1be6d73861479c48b841eaba9b7b5852ddfeb1346",
        "3377e01eab42db296b512293120c6cee72b6ecf9f9205760bd9ff11fb3cb2c4b",
    ),
    (
        TO_BLS12_381,
        "BLS12381G1_XMD:SHA-256_SSWU_RO_",
        "052926add2207b76ca4fa57a8734416c8dc95e24501772c814278700eed6d1e4"
        "e8cf62d9c09db0fac349612b759e79a1",
        "03567bc5ef9c690c2ab2ecdf6a96ef1c139cc0b2f284dca0a9a7943388a49a3a"
        "ee664ba5379a7655d3c68900be2f6903",
    ),
]

# RFC 9497, appendices A.1.1 and A.3.1, mode OPRF: skSm, Blind, BlindedElement of the input 00.
OPRF = {
    "ristretto255": (
        "ristretto255-SHA512",
        "5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e",
        "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
        "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c",
    ),
    "p256": (
        "P256-SHA256",
        "159749d750713afe245d2d39ccfaae8381c53ce92d098a9375ee70739c7ac0bf",
        "3338fa65ec36e0290022b48eb562889d89dbfa691d1cde91517fa222ed7ad364",
        "03723a1e5c09b8b9c18d1dcbca29e8007e95f14f4732d9346d490ffc195110368d",
    ),
}

# McGrew and Viega, "The Galois/Counter Mode of Operation", test cases 2, 4 and 6.
_GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308")
_GCM_PLAINTEXT = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
_GCM_ASSOCIATED = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_GCM_LONG_IV = bytes.fromhex(
    "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728"
    "c3c0c95156809539fcf0e2429a6b525416aedbf5a0de6a57a637b39b"
)
GCM = [
    (
        (bytes(16), bytes(12), bytes(16), b""),
        "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
    ),
    (
        (_GCM_KEY, bytes.fromhex("cafebabefacedbaddecaf888"), _GCM_PLAINTEXT, _GCM_ASSOCIATED),
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
        "5bc94fbc3221a5db94fae95ae7121a47",
    ),
    (
        (_GCM_KEY, _GCM_LONG_IV, _GCM_PLAINTEXT, _GCM_ASSOCIATED),
        "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca7"
        "01e4a9a4fba43c90ccdcb281d48c7c6fd62875d2aca417034c34aee5"
        "619cc5aefffe0bfa462af43c1699d050",
    ),
]

# Find My: d_0 is 01 02 .. 1c, SK_0 is 00 01 .. 1f, and these are SK_1, d_1, x and identifier.
FINDMY = (
    "09a9c1f072ab2aa85eeb2f10b038c2e1d2a36f890a51b3394268808e633ba700",
    "f8768570bc047755259a18711fa73064142ebc083b1d2990090c4bbd",
    "58d0dd8ea4869cc3681641950337c5b8b796f7ecfc61cd5e87c4717c",
    "6159c468a6eac567d4c47b0862fe924f93bfd1f32e7bf055ff9301872735a66a",
)


class SelfTestError(Exception):
    """The oracle does not reproduce a published value."""


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise SelfTestError(what)


def _decodes(encoding: str) -> bool:
    try:
        ristretto255.decode(bytes.fromhex(encoding))
    except Refused:
        return False
    return True


def _test_ristretto255() -> None:
    for k, encoding in enumerate(MULTIPLES):
        _expect(ristretto255.times_generator(k).encode().hex() == encoding, f"RFC 9496 A.1, {k}")
        _expect(
            ristretto255.decode(bytes.fromhex(encoding)).encode().hex() == encoding, f"A.1, {k}"
        )
    for encodings in INVALID_ENCODINGS.values():
        for encoding in encodings:
            _expect(not _decodes(encoding), f"RFC 9496 A.2, {encoding}")
    for data, encoding in ONE_WAY_MAP:
        mapped = ristretto255.from_uniform_bytes(bytes.fromhex(data))
        _expect(mapped.encode().hex() == encoding, f"RFC 9496 A.3, {encoding}")


def _test_symmetric() -> None:
    for prk, info, okm in HKDF:
        output = hkdf_expand(bytes.fromhex(prk), info, len(okm) // 2)
        _expect(output.hex() == okm, f"RFC 5869, {okm}")
    box = aead_seal(AEAD_KEY, AEAD_NONCE, AEAD_PLAINTEXT, AEAD_ASSOCIATED)
    _expect(box == AEAD_BOX, "RFC 8439 2.8.2, sealing")
    opened = aead_open(AEAD_KEY, AEAD_NONCE, AEAD_BOX, AEAD_ASSOCIATED)
    _expect(opened == AEAD_PLAINTEXT, "RFC 8439 2.8.2, opening")
    for inputs, expected in GCM:
        key, iv, plaintext, associated = inputs
        sealed = gcm_seal(*inputs)
        _expect(sealed.hex() == expected, f"GCM, sealing {expected}")
        _expect(gcm_open(key, iv, sealed, associated) == plaintext, f"GCM, opening {expected}")


def _test_curves() -> None:
    for name, encoding in DOUBLES.items():
        _expect(GROUPS[name].times_generator(2).encode().hex() == encoding, f"{name}, 2 G")
    for mapping, suite, *hashes in HASHES_TO_CURVE:
        for msg, hashed in zip((b"", b"abc"), hashes, strict=True):
            x, _ = hash_to_curve(mapping, msg, b"QUUX-V01-CS02-with-" + suite.encode()).affine()
            _expect(x == int(hashed, 16), f"RFC 9380 J, {suite}, {msg!r}")


def _test_oprf() -> None:
    for name, (suite, secret, blind, blinded) in OPRF.items():
        group, context = GROUPS[name], b"OPRFV1-\x00-" + suite.encode()
        seed = b"\xa3" * 32 + b"\x00\x08test key" + b"\x00"
        scalar = group.hash_to_scalar(seed, b"DeriveKeyPair" + context)
        _expect(group.encode_scalar(scalar).hex() == secret, f"RFC 9497, {suite}, skSm")
        element = group.hash_to_element(b"\x00", b"HashToGroup-" + context)
        element = element.times(group.decode_scalar(bytes.fromhex(blind)))
        _expect(element.encode().hex() == blinded, f"RFC 9497, {suite}, BlindedElement")


def _test_findmy() -> None:
    keys = findmy.keys_at(bytes(range(1, 29)), bytes(range(32)), 1)
    private = keys.private_key.to_bytes(28, "big")
    derived = (keys.symmetric_key, private, keys.public_key, keys.identifier)
    _expect(tuple(value.hex() for value in derived) == FINDMY, "Find My, index 1")


# RFC 8032, section 7.1, tests 1 to 3: seed, public key, message, signature.
ED25519 = [
    _words("""
    9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60
    d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
    -
    e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555
    fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b
    """),
    _words("""
    4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb
    3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
    72
    92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
    085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00
    """),
    _words("""
    c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7
    fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025
    af82
    6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
    18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
    """),
]

# The example of C2SP signed-note: a key, and a note that it signed.
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = """This is an example message.

\u2014 example.com/foo \
Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""

# Entries of the tests of Certificate Transparency, and the roots of the first 1, 2 and all 8.
LOGGED = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LOGGED += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def _test_logs() -> None:
    for seed, public, message, *signature in ED25519:
        key, text = bytes.fromhex(seed), bytes.fromhex(message.strip("-"))
        _expect(ed25519.public_of(key).hex() == public, f"RFC 8032, public key {public}")
        _expect(ed25519.sign(key, text).hex() == "".join(signature), f"RFC 8032, {seed}")
    notes.require_signed(notes.decode(NOTE.encode()), notes.decode_vkey(VKEY))
    leaves = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in LOGGED]
    for size, root in ROOTS.items():
        _expect(merkle.root_of(leaves[:size]).hex() == root, f"Certificate Transparency, {size}")


def self_test() -> None:
    """Reproduce what others have published."""
    _test_logs()
    _test_ristretto255()
    _test_symmetric()
    _test_curves()
    _test_oprf()
    _test_findmy()
    published_hpke.self_test()
