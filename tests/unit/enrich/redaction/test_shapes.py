"""Check digits and forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.enrich.redaction.shapes import iban, is_ssn, kind_by_shape, luhn, verhoeff

pytestmark = pytest.mark.unit

DIGITS = st.text("0123456789", min_size=5, max_size=18)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("4111111111111111", "card_number"),
        ("4111111111111112", ""),
        ("2125550178", "phone"),
        ("07700900123", "phone"),
        ("1234567", ""),
        ("GB29NWBK60161331926819", "bank_account"),
        ("HDFC0001234", "bank_account"),
        ("QQ123456C", ""),  # no prefix that is given out
        ("AB123456C", "national_id"),
        ("ABCPE1234F", "national_id"),
        ("SW1A2AA", "postcode"),
        ("K1A0B1", "postcode"),
        ("AB12CDE", "licence_plate"),
    ],
)
def test_kinds(value: str, kind: str) -> None:
    assert kind_by_shape(value) == kind


def test_an_aadhaar_has_its_check_digit() -> None:
    assert verhoeff("2363")  # the textbook's example: 236 and 3
    assert not verhoeff("2364")


def test_an_iban_with_one_digit_changed_is_none() -> None:
    assert iban("DE89370400440532013000")
    assert not iban("DE89370400440532013001")


def test_numbers_that_no_social_security_number_has() -> None:
    assert is_ssn("078051120")
    assert not is_ssn("000051120")
    assert not is_ssn("666051120")


@given(DIGITS, st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(digits: str, place: int, by: int) -> None:
    place %= len(digits)
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]
    assert not (luhn(digits) and luhn(wrong))
    assert not (verhoeff(digits) and verhoeff(wrong))
