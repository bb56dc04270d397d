"""Phrases that make a kind likely, and those that name a number that is nobody's."""

from __future__ import annotations

# The account that has no bank behind it is a customer's number; either way it goes.
WEAK: dict[str, tuple[str, ...]] = {
    "card_number": ("(credit |debit |bank |my |your |the |different |new |another |)card",
                    "(visa|mastercard|amex|american express)"),
    "phone": ("(phone|telephone|mobile|cell|landline|cellphone)", "(call|ring|text) (me|you) "
    "back"),
    "reference": (
        "(customer|client|order|booking|claim|case|ticket|invoice|tracking|reservation|parcel|"
        "quote|quotation|"
        "shipment|complaint|docket|receipt|rma|account|reference|ref)",
    ),
    "bank_account": ("(bank|checking|savings|bank account|current account|account)",),
    "member_number": ("(policy|membership|member|patient|insurance card|group)",),
    "document_number": ("(license|licence)",),
    "address": (
        "(ship|send|deliver|mail|post|delivered|sent|shipped|mailed) (it |this |that |them |"
        ")(to|out to)",
        "(i am|i'm|we are|we're|he is|she is) at", "located at", "(moved|moving|move) to",
        "(have|got) you (at|down at)", "(pick|picking) (me|us|him|her) up", "come (to|pick)",
        "(we are|we're|i'm|i am) (out |over |staying |down )at", "ship to", "registered at",
        "tenant at", "site is",
        "(cab|taxi|ride|lift|uber|collect|pickup|drop off|dropping) (me |us |it |)(from|at|to|"
        "off)",
        "(home|place|house|flat) is",
        "(live|lives|living|stay|staying) (at|on|in)",
        "(street|apartment|flat|live|delivery|city|town|state|county)",
    ),
    "licence_plate": ("(car|vehicle|van|plate)",),
    "username": ("(profile|profiles|handle|handles|user|users|logins|usernames|pretending)",),
    "pin": ("(gate|alarm|lockbox|keypad|safe)",),
}  # fmt: skip
OF_NOBODY = (
    "(expiry|expiration) (date |)(of|on|for) (the|your|my) (passport|licence|license|policy|"
    "warranty|contract|visa)",
    "(tax|engine|exhaust|fault|error|promo|promotion|promotional|discount|coupon|voucher|"
    "product|source|dress|bar|qr|q "
    "r|color|"
    "colour|status|fault|offer|reason|department|dial|response|exit|stop|trouble|diagnostic) "
    "(code|number|codes)",
    "(flight|gate|room|floor|channel|page|item|version|model|part|batch|seat|platform|bus|train|"
    "route|line|lot|issue|question|chapter|step|option|episode|lane|track|winning|ticket price|"
    "style|size|sku|s k u|article|catalog|firmware|build|bed|ward|aisle|table|extension cord) "
    "(number|no|is)",
    "(a|any|large|small|great|huge|total|high|the total|whole) number of", "number (one|of)",
    "numbers of", "number of",
    "(phone|telephone|mobile|cell|card|bank|credit card|electric|water|gas) "
    "(bill|bills|company|plan|plans|reader|statement|case|charge|charges|charger|screen|signal|"
    "statement|"
    "balance|limit|fee|fees|payment|payments|transfer|holiday|loan|shop|store|line|battery|model)",
    "(email|e mail) (inbox|attachment|campaign|marketing|account settings)",
    "(order|booking|claim) (of|total|status|value|history|for|amount|form)", "in order to",
    "ordered",
    "(find|pull up|look up|bring up|open|open up|locate|get into|access|see) "
    "(your|the|my|their|that) "
    "(account|booking|order|policy|record|records|file|reservation|profile)",
    "(account|card) (balance|balances|type|fees|manager|holder|settings)",
    "(policy|insurance) (premium|excess|cover|starts|covers|costs|document|documents|changes|"
    "term|limit)",
    "street view", "web address", "url",
    "(offer|sale|warranty|trial|deal|contract|promotion|coupon|"
    "subscription|discount|guarantee|promo|lease|membership|quote|policy|licence|license|domain|"
    "certificate|milk|food|agreement) (expires|expiring|expires on|expiry|expiration|ends|ends "
    "on|ends in)",
    "(month|week|year|day|quarter) (ending|ends)", "(weekend|end) (up|date)", "ends up",
    "happy birthday", "(birthday|anniversary) (party|present|gift|cake|card|dinner|sale)",
    "(press|dial|push|hit|choose|select)", "(or|please|just|to) say", "code of conduct", "zip "
    "(file|it|up|tie)",
    "sign in problem", "(check|cross) reference", "in reference to", "with reference to",
    "born and raised", "(first|new|newly|still|air|foreign) born", "new born",
    "first name terms", "address the", "(to|can|will|we'll) address",
    "(speed|data|usage|credit|test|exam|final) (score|limit|cap|test)", "the score", "score",
    "(security|password) (guard|system|camera|update|reset|resets|team|department)",
    "(state|city) (of|tax|law|hall|center|centre)", "case (you|i|it|of|we|there|that)", "in case",
    "in (that|this|any|which) case", "the case",
    "(phone|video|conference|sales|missed) (call|calls)",
    "pin (badge|point|down)", "(my|the|your) (car|vehicle) (has|is)",
)  # fmt: skip
