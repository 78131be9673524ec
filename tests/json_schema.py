#!/usr/bin/env python3
"""json_schema.py SCHEMA FILE…: every line of the FILEs against SCHEMA.

Knows what our schemas use of JSON Schema, and refuses a schema that uses
anything else, so that nothing in one goes unchecked.
"""
import json
import re
import sys

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}
KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "oneOf", "type",
    "const", "enum", "required", "properties", "additionalProperties",
    "items", "minimum", "maximum", "pattern",
}


def check_schema(s, where="schema"):
    unknown = set(s) - KNOWN
    if unknown:
        sys.exit(f"{where}: {', '.join(sorted(unknown))}: not known here")
    if "type" in s and s["type"] not in TYPES:
        sys.exit(f"{where}: type {s['type']}: not known here")
    for group in ("$defs", "properties"):
        for name, one in s.get(group, {}).items():
            check_schema(one, f"{where}/{name}")
    for i, one in enumerate(s.get("oneOf", [])):
        check_schema(one, f"{where}/oneOf/{i}")
    for key in ("items", "additionalProperties"):
        if key in s:
            check_schema(s[key], f"{where}/{key}")


class Invalid(Exception):
    pass


def same(a, b):
    return type(a) is type(b) and a == b


def validate(v, s, root, where="line"):
    def bad(what):
        raise Invalid(f"{where}: {what}: {json.dumps(v)[:100]}")

    if "$ref" in s:
        validate(v, root["$defs"][s["$ref"].rsplit("/", 1)[1]], root, where)
    if "type" in s and not TYPES[s["type"]](v):
        bad(f"is no {s['type']}")
    if "const" in s and not same(v, s["const"]):
        bad(f"is not {s['const']}")
    if "enum" in s and not any(same(v, one) for one in s["enum"]):
        bad(f"is none of {s['enum']}")
    if "pattern" in s and not re.search(s["pattern"], v):
        bad(f"does not match {s['pattern']}")
    if "minimum" in s and v < s["minimum"]:
        bad(f"is less than {s['minimum']}")
    if "maximum" in s and v > s["maximum"]:
        bad(f"is more than {s['maximum']}")
    if "oneOf" in s:
        validate_one_of(v, s, root, where)
    if isinstance(v, dict):
        validate_object(v, s, root, where)
    if isinstance(v, list) and "items" in s:
        for i, one in enumerate(v):
            validate(one, s["items"], root, f"{where}/{i}")


def validate_one_of(v, s, root, where):
    errors = []
    for one in s["oneOf"]:
        try:
            validate(v, one, root, where)
        except Invalid as e:
            errors.append(str(e))
    if len(errors) != len(s["oneOf"]) - 1:
        fits = len(s["oneOf"]) - len(errors)
        raise Invalid(f"{where}: fits {fits} branches:\n  " +
                      "\n  ".join(errors))


def validate_object(v, s, root, where):
    for name in s.get("required", []):
        if name not in v:
            raise Invalid(f"{where}: lacks {name}")
    for name, one in v.items():
        if name in s.get("properties", {}):
            validate(one, s["properties"][name], root, f"{where}/{name}")
        elif "additionalProperties" in s:
            validate(one, s["additionalProperties"], root, f"{where}/{name}")


def main(schema, *files):
    with open(schema, encoding="utf-8") as f:
        root = json.load(f)
    check_schema(root)
    n = 0
    for name in files:
        with open(name, encoding="utf-8") as f:
            for n, line in enumerate(f, 1):
                try:
                    validate(json.loads(line), root, root)
                except (Invalid, ValueError) as e:
                    sys.exit(f"{name}:{n}: {e}")
        if n == 0:
            sys.exit(f"{name}: is empty")


main(*sys.argv[1:])
