"""How is a body read? Strictly: what could be understood in two ways is refused, with what to change."""

import json
from typing import IO, Any, NoReturn

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

_TOO_DEEP = "The body is nested deeper than this API reads; flatten it."


class JsonBody(JSONParser):
    """JSON in UTF-8 (RFC 8259). Repeated names, NaN and Infinity are refused, and so is nesting without end."""

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            text = stream.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8: byte {error.start} can't be read.") from None
        try:
            return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            at = f"line {error.lineno}, column {error.colno}"
            raise ParseError(f"The body is not JSON: {error.msg} at {at}.") from None
        except RecursionError:
            raise ParseError(_TOO_DEEP) from None
        except ValueError:
            # Python reads no whole number of more than 4,300 digits.
            raise ParseError("The body has a number that is too long to be read; send it as text.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ParseError(f"The body gives “{name}” more than once; say it once.")
        members[name] = value
    return members


def _no_number(name: str) -> NoReturn:
    raise ParseError(f"The body has {name}, which is no JSON number; leave it out or send null.")
