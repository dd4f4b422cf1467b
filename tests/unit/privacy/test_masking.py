"""Enough of a value is shown to tell two apart, and no more."""

import pytest

from agents.privacy.masking import masked


@pytest.mark.parametrize(
    ("label", "value", "shown"),
    [
        ("email", "ana.lima@example.org", "a•••@example.org"),
        ("card", "4111 1111 1111 1234", "•••1234"),
        ("card", 4111111111111234, "•••1234"),
        ("iban", "DE89 3704 0044 0532 0130 00", "•••3000"),
        ("phone", "+351 912 345 6 7", "•••67"),
        ("name", "Ana Lima", "A•••"),
        ("name", "Al", "•••"),
    ],
)
def test_a_mask_shows_the_end_or_the_beginning(label: str, value: str | int, shown: str) -> None:
    assert masked(label, value) == shown
