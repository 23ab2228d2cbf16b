"""Types of JSON values, and what describes an operation."""

from typing import Any, NamedTuple

Schema = dict[str, Any]


class Kind(NamedTuple):
    """A type of a JSON value."""

    name: str
    schema: Schema


Fields = dict[str, Kind]


class Operation(NamedTuple):
    """One operation: what goes in, what comes out (or else, or else), and why it may refuse."""

    file: str
    sections: str
    inputs: Fields
    outputs: Fields
    refusals: dict[str, list[str]]
    or_outputs: Fields | None = None
    or_else_outputs: Fields | None = None

    @property
    def all_outputs(self) -> list[Fields]:
        """What may come out: one of these."""
        return [self.outputs, *filter(None, (self.or_outputs, self.or_else_outputs))]


def object_schema(fields: Fields) -> Schema:
    return {
        "type": "object",
        "properties": {name: kind.schema for name, kind in fields.items()},
        "required": list(fields),
        "additionalProperties": False,
    }


def exactly(length: int) -> Kind:
    """Hex of exactly so many bytes."""
    pattern = f"^[0-9a-f]{{{2 * length}}}$"
    return Kind(f"bytes[{length}]", {"type": "string", "pattern": pattern})


def one_of_lengths(name: str, *lengths: int) -> Kind:
    """Hex of exactly one of some lengths, which depend on the class or the group."""
    pattern = "|".join(f"[0-9a-f]{{{2 * length}}}" for length in lengths)
    return Kind(name, {"type": "string", "pattern": f"^(?:{pattern})$"})


def integer(bits: int) -> Kind:
    """An unsigned integer of so many bits."""
    return Kind(f"u{bits}", {"type": "integer", "minimum": 0, "maximum": 2**bits - 1})


def listed(kind: Kind, length: int | None = None) -> Kind:
    """A list, of exactly so many items if the length is given."""
    bounds = {} if length is None else {"minItems": length, "maxItems": length}
    suffix = "" if length is None else str(length)
    return Kind(f"[{kind.name}]{suffix}", {"type": "array", "items": kind.schema, **bounds})


def optional(kind: Kind) -> Kind:
    """A value or null."""
    return Kind(f"{kind.name} or null", {"anyOf": [kind.schema, {"type": "null"}]})


def either(first: Kind, second: Kind) -> Kind:
    """One of two."""
    return Kind(f"{first.name} or {second.name}", {"anyOf": [first.schema, second.schema]})


def record(fields: Fields) -> Kind:
    """An object."""
    members = ", ".join(f"{name}: {kind.name}" for name, kind in fields.items())
    return Kind(f"{{{members}}}", object_schema(fields))


def invalid(*reasons: str) -> dict[str, list[str]]:
    """Refusals of the outcome "invalid"."""
    return {"invalid": list(reasons)}


BYTES = Kind("bytes", {"type": "string", "pattern": "^([0-9a-f]{2})*$"})
TEXT = Kind("text", {"type": "string"})
TIME = Kind("time", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1})
NUMBER = Kind("number", {"type": "integer", "minimum": 0, "maximum": 2**53 - 1})
BOOLEAN = Kind("boolean", {"type": "boolean"})
MODE = Kind("octal text", {"type": "string", "pattern": "^0[0-7]{3}$"})
B16, B28, B32, B64 = (exactly(n) for n in (16, 28, 32, 64))
U8, U16, U32 = integer(8), integer(16), integer(32)
