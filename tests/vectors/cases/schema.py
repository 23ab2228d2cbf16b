"""The JSON Schema of the files, and the table of operations in the README."""

from vectors.cases.kinds import B16, B32, Fields, Operation, Schema, object_schema
from vectors.cases.shapes import CLASS, KEY_NAMES, OPERATIONS_OF_SPEC, PUBLIC_KEY, SCALARS
from vectors.cases.shapes_board import OPERATIONS_OF_THE_BOARD
from vectors.cases.shapes_push import OPERATIONS_OF_PUSH
from vectors.cases.shapes_research import OPERATIONS_OF_RESEARCH

OPERATIONS: dict[str, Operation] = {
    **OPERATIONS_OF_SPEC,
    **OPERATIONS_OF_THE_BOARD,
    **OPERATIONS_OF_PUSH,
    **OPERATIONS_OF_RESEARCH,
}
FILES = list(dict.fromkeys(operation.file for operation in OPERATIONS.values()))


def _case_schema(name: str, operation: Operation) -> Schema:
    head = {
        "id": {"type": "string", "pattern": f"^{operation.file}/{name}/[a-z0-9_-]+$"},
        "operation": {"const": name},
        "comment": {"type": "string"},
        "input": object_schema(operation.inputs),
    }
    outputs = [object_schema(fields) for fields in operation.all_outputs]
    output = outputs[0] if len(outputs) == 1 else {"oneOf": outputs}
    valid = {**head, "result": {"const": "valid"}, "output": output}
    variants = [valid]
    for outcome, reasons in operation.refusals.items():
        refused: Schema = {"result": {"const": outcome}, "reason": {"enum": reasons}}
        variants.append({**head, **refused})
    schemas = [_closed(variant) for variant in variants]
    return schemas[0] if len(schemas) == 1 else {"oneOf": schemas}


def _closed(properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _file_schema(file: str) -> Schema:
    names = [name for name, operation in OPERATIONS.items() if operation.file == file]
    choices = [
        {
            "if": {"properties": {"operation": {"const": name}}},
            "then": {"$ref": f"#/$defs/{name.replace('/', '_')}"},
        }
        for name in names
    ]
    case = {
        "required": ["operation"],
        "properties": {"operation": {"enum": names}},
        "allOf": choices,
    }
    properties: Schema = {"spec": {"const": "0.1"}, "file": {"const": file}}
    if file in ("frames", "blobs", "ticks"):
        keys = {name: {"$ref": "#/$defs/named-key"} for name in KEY_NAMES}
        properties["keys"] = _closed(keys)
    return _closed({**properties, "cases": {"type": "array", "minItems": 1, "items": case}})


def schema() -> Schema:
    """Give the JSON Schema of all files."""
    definitions = {
        name.replace("/", "_"): _case_schema(name, operation)
        for name, operation in OPERATIONS.items()
    }
    named_key = {"class": CLASS, "secrets": SCALARS, "public_key": PUBLIC_KEY}
    definitions["named-key"] = object_schema({**named_key, "key_hash": B32, "key_id": B16})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "billboard test vectors 0.1",
        "oneOf": [_file_schema(file) for file in FILES],
        "$defs": definitions,
    }


def table() -> str:
    """Give the table of operations in the README."""
    lines = ["| operation | SPEC | input | output | refusals |", "|---|---|---|---|---|"]
    for name, operation in OPERATIONS.items():
        cells = [f"`{name}`", operation.sections]
        described = " or<br>".join(_describe(each) for each in operation.all_outputs if each)
        cells += [_describe(operation.inputs), described]
        cells.append("<br>".join(f"{k}: {', '.join(v)}" for k, v in operation.refusals.items()))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _describe(fields: Fields) -> str:
    return ", ".join(f"{name}: {kind.name}" for name, kind in fields.items())
