"""Where in a text do a person's data stand? By their form, and where there are check digits, by these.

Numbers that nothing checks are found only in forms that hardly anything else has. What is taken for personal data and
is none does no harm: it comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module

from stdnum import iban, luhn

KINDS = ("email", "phone", "card", "iban", "national_id")


@dataclass(frozen=True)
class Place:
    """From where to where a text holds something, and what it is."""

    start: int
    end: int
    label: str


def find(text: str, kinds: Iterable[str] = KINDS) -> list[Place]:
    """Everything of these kinds, in the order of the text; places don't overlap."""
    if len(text) < SHORTEST_OF_ALL:
        return []
    some = kinds if _FEWEST_DIGITS.match(text) else [kind for kind in kinds if kind == "email"]
    return without_overlaps(place for kind in some for place in _FINDERS[kind](text))


def without_overlaps(places: Iterable[Place]) -> list[Place]:
    """Of places that overlap the first one, and of those the longest."""
    kept: list[Place] = []
    for place in sorted(places, key=lambda one: (one.start, -one.end)):
        if not kept or place.start >= kept[-1].end:
            kept.append(place)
    return kept


SHORTEST_OF_ALL = 6
"""Characters of the shortest thing that is found."""
_FEWEST_DIGITS = re.compile(r"(?:\D*\d){7}")
"""No number of a person's has fewer, so most texts are done with at once."""
_EMAIL = re.compile(r"[\w.+%'-]{1,64}(?:@|＠|%40)(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{0,62}", re.IGNORECASE)
_PHONE = re.compile(
    r"""(?<![\w.,:/-])(?!\d{1,2}([./-])\d{1,2}\1\d{2,4})(?:    # a date is none
        (?:\+|00)[1-9]\d{0,2}(?:[ ./-]?(?:\(\d{1,5}\)|\d{1,5})){2,6}    # with the country
        | (?:\(0\d{1,4}\)|0\d{1,4})(?:[ ./-]{1,2}\d{2,8}){1,4}          # inside a country that dials a zero first
        | 0\d{8,10}
        | \(\d{3}\)[ ]?\d{3}[ .-]\d{4} | \d{3}[.-]\d{3}[.-]\d{4}    # North America
    )(?![\w-])""",
    re.VERBOSE,
)
_PHONE_DIGITS = range(8, 16)
_CARD = re.compile(r"(?<![\w.])[2-6]\d{2,5}(?:[ -]?\d{2,6}){1,5}(?!\w)", re.ASCII)
_CARD_DIGITS = range(13, 20)
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}(?!\w)", re.IGNORECASE | re.ASCII)
SHORTEST = 13
"""Characters of the shortest number that is looked at so."""
_SEPARATORS = re.compile(r"[\s./-]")

_NATIONAL = (
    # A shape that hardly anything else has, or digits enough that a chance agreement of the check digits is rare.
    (r"\d{3}-\d{2}-\d{4}", "us.ssn"),
    (r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf"),
    (r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", "be.nn"),
    (r"\d{11}", "pl.pesel ee.ik no.fodselsnummer be.nn br.cpf de.idnr tr.tckimlik"),
    (r"\d{2} \d{3} \d{3} \d{3}", "de.idnr"),
    (r"\d{6}[-+A]\d{3}[0-9A-Y]", "fi.hetu se.personnummer dk.cpr"),
    (r"\d{8}-\d{4}", "se.personnummer"),
    (r"\d{6}/\d{3,4}", "cz.rc"),
    (r"\d{6}-\d{7}", "kr.rrn"),
    (r"\d{13}", "ro.cnp za.idnr"),
    (r"[12] ?\d{2} ?\d{2} ?\d{2} ?\d{3} ?\d{3} ?\d{2}", "fr.nir"),
    (r"\d{17}[0-9X]", "cn.ric"),
    (r"756\.\d{4}\.\d{4}\.\d{2}", "ch.ssn"),
    (r"\d{8}-?[A-Z]", "es.dni"),
    (r"[XYZ]-?\d{7}-?[A-Z]", "es.nie"),
    (r"\d{8} ?\d ?[A-Z0-9]{2}\d", "pt.cc"),
    (r"\d{7}[A-W][A-IW]?", "ie.pps"),
    (r"[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]", "it.codicefiscale"),
    (r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", "mx.curp"),
    (r"\d{3} \d{3} \d{4}", "gb.nhs"),
    (r"\d{4}[ -]\d{4}[ -]\d{4}", "in_.aadhaar"),
    (r"\d{4}\.\d{2}\.\d{3}", "nl.bsn"),
    (r"\d{1,2}\.\d{3}\.\d{3}-[0-9K]", "cl.rut"),
)
_NATIONAL_FORM = re.compile(
    rf"(?<![\w./-])(?=[A-Z]{{0,6}}-?\d)(?:{'|'.join(f'({shape})' for shape, _ in _NATIONAL)})(?![\w/-])",
    re.IGNORECASE | re.ASCII,
)
"""All of them in one pass; no text fits two."""
_NATIONAL_CHECKS = tuple(
    tuple(import_module(f"stdnum.{name}").is_valid for name in names.split()) for _, names in _NATIONAL
)


def _emails(text: str) -> Iterator[Place]:
    if "@" in text or "＠" in text or "%40" in text:
        yield from (Place(*found.span(), "email") for found in _EMAIL.finditer(text))


def _phones(text: str) -> Iterator[Place]:
    for found in _PHONE.finditer(text):
        digits = sum(one.isdigit() for one in found[0])
        if digits in _PHONE_DIGITS:
            yield Place(*found.span(), "phone")


def _cards(text: str) -> Iterator[Place]:
    yield from _checked(text, _CARD, "card", lambda digits: len(digits) in _CARD_DIGITS and luhn.is_valid(digits))


def _ibans(text: str) -> Iterator[Place]:
    yield from _checked(text, _IBAN, "iban", lambda one: _is_one_of_97(one) and iban.is_valid(one))


def _is_one_of_97(number: str) -> bool:
    """Do the check digits of an IBAN agree? Looked at first, since stdnum also looks its bank up."""
    return int("".join(str(int(one, 36)) for one in number[4:] + number[:4])) % 97 == 1


def _checked(text: str, form: re.Pattern[str], label: str, check: Callable[[str], bool]) -> Iterator[Place]:
    """The longest beginning of each place of this form that passes; what follows it may be words of the sentence."""
    at = 0
    while found := form.search(text, at):
        at = found.start() + 1
        for end in range(found.end(), found.start() + SHORTEST - 1, -1):
            whole = text[end - 1].isalnum() and not text[end : end + 1].isalnum()
            if whole and check(_SEPARATORS.sub("", text[found.start() : end])):
                yield Place(found.start(), end, label)
                at = end
                break


def _national_ids(text: str) -> Iterator[Place]:
    for found in _NATIONAL_FORM.finditer(text):
        if any(check(found[0]) for check in _NATIONAL_CHECKS[(found.lastindex or 1) - 1]):
            yield Place(*found.span(), "national_id")


_FINDERS: dict[str, Callable[[str], Iterator[Place]]] = {
    "email": _emails,
    "phone": _phones,
    "card": _cards,
    "iban": _ibans,
    "national_id": _national_ids,
}
