"""The kinds of personal data: what each is called, and what it covers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

LANGUAGES = frozenset({"en"})


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: the ``label`` that stands in for it, what it ``covers``, and whether it is on
    for who asks for nothing in particular."""

    label: str
    covers: str
    default: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "phone": Kind("PHONE", "telephone, mobile and fax numbers, area codes, extensions"),
        "card_number": Kind("CARD_NUMBER", "numbers of payment cards, and their last digits"),
        "cvv": Kind("CVV", "security codes of cards"),
        "card_expiry": Kind("CARD_EXPIRY", "when a card runs out"),
        "email": Kind("EMAIL", "e-mail addresses"),
        "name": Kind("NAME", "names spelled out; with a model for names, all names of people"),
        "national_id": Kind(
            "NATIONAL_ID",
            "US SSN, UK National Insurance and NHS, Aadhaar and PAN, Canadian SIN, "
            "Australian TFN and Medicare",
        ),
        "date_of_birth": Kind("DATE_OF_BIRTH", "dates of birth; other dates stay"),
        "address": Kind("ADDRESS", "house, street, town and state where somebody lives"),
        "postcode": Kind("POSTCODE", "postcodes and ZIP codes"),
        "bank_account": Kind(
            "BANK_ACCOUNT", "account and routing numbers, sort codes, BSB, IBAN, IFSC"
        ),
        "reference": Kind(
            "REFERENCE", "customer, order, booking, claim, case and tracking references"
        ),
        "member_number": Kind("MEMBER_NUMBER", "member, patient and policy numbers"),
        "document_number": Kind("DOCUMENT_NUMBER", "passport and driving licence numbers"),
        "pin": Kind("PIN", "PINs and passcodes"),
        "password": Kind("PASSWORD", "passwords"),
        "security_answer": Kind("SECURITY_ANSWER", "answers to security questions"),
        "one_time_code": Kind("ONE_TIME_CODE", "codes that were sent to prove who somebody is"),
        "username": Kind("USERNAME", "user names and logins"),
        "ip_address": Kind("IP_ADDRESS", "IP addresses"),
        "licence_plate": Kind("LICENCE_PLATE", "number plates of vehicles"),
        "number": Kind("NUMBER", "long numbers of which nothing says what they are"),
    }
)
