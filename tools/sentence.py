"""How is a call told to the person who countersigns it? `Refund {amount} EUR for order {order_id}`, safely.

A template knows `{name}` and `{a.b}` and nothing more: no attributes, no formats; what was filled in is not
looked at again.
"""

import json
import re
import unicodedata
from decimal import Decimal
from typing import Any

VALUE_CHARACTERS = 200

_FIELD = re.compile(r"\{([A-Za-z_]\w*(?:\.\w+)*)\}", re.ASCII)


def problem_with(template: str, schema: dict[str, Any]) -> str | None:
    """What is wrong with a template for arguments of this schema; None if it can be filled."""
    if re.search(r"[{}]", _FIELD.sub("", template)):
        return f"the sentence {template!r} may hold {{name}} and {{a.b}} only"
    known = schema.get("properties", {})
    unknown = [field for field in _FIELD.findall(template) if field.split(".")[0] not in known]
    return f"the sentence names {', '.join(unknown)}, which the tool does not take" if unknown else None


def fill(template: str, arguments: object, schema: dict[str, Any]) -> str | None:
    """The template with the arguments in it, one line; None if it is empty or an argument is missing."""
    fields = _FIELD.findall(template)
    try:
        words = {field: _word(field.split("."), arguments, schema) for field in fields}
    except LookupError:
        return None
    return _FIELD.sub(lambda match: words[match[1]], template) or None


def call(name: str, arguments: object) -> str:
    """The call as code would write it; for any arguments, also those that fit no schema."""
    if not isinstance(arguments, dict):
        return f"{name}({_shown(arguments, {})})"
    words = (f"{_visible(str(key))}={_shown(value, {})}" for key, value in arguments.items())
    return f"{name}({', '.join(words)})"


def _word(path: list[str], value: Any, schema: Any) -> str:
    for part in path:
        if not isinstance(value, dict) or part not in value:
            raise LookupError(part)
        value = value[part]
        schema = schema.get("properties", {}).get(part, {}) if isinstance(schema, dict) else {}
    return _visible(value) if isinstance(value, str) else _shown(value, schema)


def _shown(value: object, schema: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, int | float) and not isinstance(value, bool) and (places := _places(schema)):
        return f"{Decimal(repr(value)):.{places}f}"
    return _visible(json.dumps(value, ensure_ascii=False, default=repr))


def _places(schema: Any) -> int:
    """2 for a multiple of 0.01: money is read with its cents, 64.90 and not 64.9."""
    step = schema.get("multipleOf") if isinstance(schema, dict) else None
    if not isinstance(step, float):
        return 0
    exponent = Decimal(repr(step)).normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _visible(text: str) -> str:
    """One line without hidden characters: what turns text around or hides in it is written as its code."""
    line = "".join(map(_character, " ".join(text[: 2 * VALUE_CHARACTERS].split())))
    if len(text) <= VALUE_CHARACTERS:
        return line
    return f"{line[:VALUE_CHARACTERS]}… ({len(text):,} characters)"


def _character(character: str) -> str:
    # Control, format (bidirectional marks, zero width), surrogates, private, line and paragraph separators.
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"\\u{{{ord(character):x}}}"
    return character
