"""A person's data are found by their form and check digits, and numbers that are none are left alone."""

import pytest

from agents.privacy.finding import find


def found(text: str) -> list[tuple[str, str]]:
    return [(place.label, text[place.start : place.end]) for place in find(text)]


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("email", "ana.lima+shop@example.org"),
        ("email", "ana%40example.org"),
        ("email", "jürgen@bücher.example"),
        ("phone", "+351 912 345 678"),
        ("phone", "0049 30 1234567"),
        ("phone", "(555) 123-4567"),
        ("phone", "020 7946 0958"),
        ("card", "4111 1111 1111 1111"),
        ("card", "378282246310005"),
        ("iban", "PT50 0002 0123 1234 5678 9015 4"),
        ("iban", "de89370400440532013000"),
        ("national_id", "536-90-4399"),
        ("national_id", "390.533.447-05"),
        ("national_id", "54362315K"),
        ("national_id", "44051401359"),
        ("national_id", "131052-308T"),
        ("national_id", "RCCMNL83S18D969H"),
    ],
)
def test_each_kind_is_found_within_a_sentence(label: str, value: str) -> None:
    assert found(f"They wrote {value}, and then went on.") == [(label, value)]
    assert found(value) == [(label, value)]
    assert found(f'{{"x":"{value}"}}') == [(label, value)]


@pytest.mark.parametrize(
    "text",
    [
        "On 2026-11-26 at 01:18:39.123456, or 02-11-2026, or 01.02.2026",
        "Order #1088 of 40 EUR, item 1656367028, parcel 1Z999AA10123456784",
        "4111 1111 1111 1112 has no right check digit",
        "PT50 0002 0123 1234 5678 9015 5 neither",
        "0b3f2211-0123-4123-8123-012345678901 and 10.0.0.1 and v1.2.3",
        "5d1c0f9aa0b25d1c0f9aa0b25d1c0f9aa0b25d1c0f9aa0b25d1c0f9aa0b2dddd",
        "@mention, x@y and a @ b",
    ],
)
def test_dates_numbers_and_codes_are_left_alone(text: str) -> None:
    assert found(text) == []


def test_what_follows_a_number_is_no_part_of_it() -> None:
    assert found("card 4111 1111 1111 1111 12/27 and PT50 0002 0123 1234 5678 9015 4 and more") == [
        ("card", "4111 1111 1111 1111"),
        ("iban", "PT50 0002 0123 1234 5678 9015 4"),
    ]
