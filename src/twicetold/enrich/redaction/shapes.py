"""Numbers that say by themselves what they are: by their check digits and their form."""

from __future__ import annotations

import re

# Verhoeff's tables (J. Verhoeff, Error Detecting Decimal Codes, 1969), generated: the product of
# the dihedral group D5 and the powers of one permutation of the digits.
_FLIP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812 for those before it."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def verhoeff(digits: str) -> bool:
    """Whether the last digit is Verhoeff's check digit, as Aadhaar numbers have it."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _dihedral(check, _permuted(int(digit), place))
    return check == 0


def _dihedral(a: int, b: int) -> int:
    if a < 5:
        return (a + b) % 5 + (0 if b < 5 else 5)
    return (a - b) % 5 + (5 if b < 5 else 0)


def _permuted(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = _FLIP[digit]
    return digit


def iban(text: str) -> bool:
    """Whether letters and digits are an IBAN with the right check digits (ISO 13616, mod 97)."""
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", text):
        return False
    return int("".join(str(int(c, 36)) for c in text[4:] + text[:4])) % 97 == 1


def is_card(digits: str) -> bool:
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and luhn(digits)


def is_ssn(digits: str) -> bool:
    """Whether nine digits can be a US social security number."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return len(digits) == 9 and area not in ("000", "666") and group != "00" and serial != "0000"


_POSTCODE = re.compile(r"(GIR0AA|[A-Z]{1,2}\d[A-Z\d]?\d[ABD-HJLNP-UW-Z]{2})")
_CANADIAN = re.compile(r"[ABCEGHJ-NPRSTVXY]\d[A-Z]\d[A-Z]\d")
_NINO = re.compile(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D]")
_PAN = re.compile(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]")
_IFSC = re.compile(r"[A-Z]{4}0[A-Z0-9]{6}")
# British, French and others, Indian, Irish; what has letters on both sides of its digits, mostly.
_PLATE = re.compile(
    r"[A-Z]{2}\d{2}[A-Z]{3}|[A-Z]\d{1,3}[A-Z]{3}|(?=.{5,8}$)[A-Z]{1,3}\d{2,4}[A-Z]{1,3}"
    r"|[A-Z]{2}\d{1,2}[A-Z]{1,3}\d{4}|\d{2,3}[A-Z]{1,2}\d{3,5}"
)


def kind_by_shape(value: str) -> str:
    """The kind that digits and capital letters have by their form alone, or "".

    A telephone number is one of ten digits or more in North American or international form.
    """
    if value.isdigit():
        return _kind_of_digits(value)
    if iban(value) or _IFSC.fullmatch(value):
        return "bank_account"
    if _NINO.fullmatch(value) or _PAN.fullmatch(value):
        return "national_id"
    if _POSTCODE.fullmatch(value) or _CANADIAN.fullmatch(value):
        return "postcode"
    return "licence_plate" if _PLATE.fullmatch(value) else ""


def _kind_of_digits(value: str) -> str:
    if is_card(value):
        return "card_number"
    if len(value) == 12 and value[0] in "23456789" and verhoeff(value):
        return "national_id"
    national = value[1:] if len(value) == 11 and value[0] == "1" else value
    if len(national) == 10 and national[0] in "23456789" and national[3] in "23456789":
        return "phone"
    if len(value) == 11 and value[0] == "0":
        return "phone"
    return "phone" if 11 <= len(value) <= 13 and value[:2] in ("44", "91", "61") else ""
