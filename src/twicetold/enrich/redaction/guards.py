"""What a number is when it is nobody's: an amount, a count, a time, an ordinary date."""

from __future__ import annotations

import re
from collections.abc import Sequence

from twicetold.enrich.redaction.runs import Run
from twicetold.enrich.redaction.tokens import Sort, Token
from twicetold.enrich.redaction.vocabulary import BACKCHANNEL, FILLERS, ORDINALS, STOP, words

_UNITS = words(
    "dollar dollars buck bucks pound pounds quid euro euros cent cents pence penny rupee "
    "rupees lakh lakhs crore percent percentage per minute minutes min mins hour hours hr hrs "
    "second seconds sec secs day days night nights week weeks weekend month months year years "
    "decade decades o'clock oclock am pm a.m p.m degrees degree celsius fahrenheit mile miles "
    "mph km kilometers kilometres meters metres meter metre feet foot ft inch inches yards "
    "centimeters centimetres cm mm kilo kilos kilograms kg grams gram lbs ounces ounce tons "
    "litres liters litre liter gallon gallons gb gig gigs gigabyte gigabytes mb meg megs "
    "megabyte megabytes megabits megabit mbps gbps kbps bytes pixels megapixel items item "
    "pieces people persons adults children kids times calls boxes box units stars star rooms "
    "bedrooms bedroom bathrooms grand k stone watts watt volts volt amps kilowatt kilowatts "
    "calories points point's or odd ish something business working calendar dozen copies copy "
    "customers users employees passengers guests seats nights attempts tries steps pages "
    "orders tickets emails messages stamps shares nil square cubic horsepower cc and-a-half "
    "half thirds quarters fold digits digit letters characters numbers bhk btu rpm fortnight"
)
_BEFORE = words(
    "version chapter page step option press season episode windows iphone galaxy route "
    "highway channel terminal gate platform level grade tier phase zone section volume series "
    "category about around approximately approx roughly nearly almost over under than least "
    "most maybe another every within costs cost costing paid pay paying worth charged charge "
    "price priced owe owes refund refunded spend spent save saved aged age top android ios "
    "area's figure scored terminal window aisle row bay space floor act unit's paragraph clause "
    "question line lane track round stage formula bus train motorway interstate exit junction "
    "playstation xbox core dial size scale dozen increments batches groups teams plus minus "
    "times total totals"
)
_YEAR_BEFORE = words(
    "in since from until till during year by before after late early mid spring summer autumn "
    "winter fall around of the circa"
)
_TIME_BEFORE = words("at past to by before after around from until till between half")
_TIME_AFTER = words(
    "am pm a.m p.m o'clock oclock tonight tomorrow today sharp thirty fifteen in on morning "
    "noon midnight"
)
_MONEY = words("dollar dollars bucks pounds quid euro euros cents pence rupees percent")
_PERIODS = words(
    "year month week fortnight day night hour minute piece pop person head share unit kilo "
    "pound shot"
)
_MODELS_NEAR = words("flight model version build gate room channel")
_LOOSE_UNITS = words("or odd ish something point points half per")
_MODELS = words("model version part sku windows firmware form channel flight build release")
_DIALLED = frozenset({"press", "dial", "option", "push", "hit", "extension's"})


# Codes of engines' faults, sizes of tyres, forms of tax offices.
_THINGS = re.compile(
    r"A?[PBCU]0[0-3]\d{2}|\d{5}R\d{2}|A?P(45|60|11D)|SA\d{3}|CT600|W[29]|10(99|95)[A-Z]+|SP\d0"
)


def guard_of(tokens: Sequence[Token], run: Run) -> str:
    """Why a run is a quantity and no personal datum, or "". Runs that are dictated digit by
    digit are quantities only with a unit behind them."""
    before = _word(tokens, run.first - 1)
    after = _word(tokens, run.last + 1) if not tokens[run.last].ends else ""
    if _has_unit(tokens, run, after):
        return "unit"
    if any(t.sort is Sort.SYMBOL and t.norm == "point" for t in tokens[run.first : run.last + 1]):
        return "" if run.digits > 6 else "decimal"
    near = {token.norm for token in tokens[max(0, run.first - 3) : run.first]}
    if "error" in {token.norm for token in tokens[max(0, run.first - 5) : run.first]}:
        return "model"
    if before == "and" and run.first > 1 and tokens[run.first - 2].sort is Sort.SCALE:
        return "amount"
    if _THINGS.fullmatch(run.value):
        return "model"
    numbered = near & _MODELS_NEAR and "code" not in near and run.digits <= 4
    numbered = numbered and not ("gate" in near and run.spelled_out and run.size == 4)
    if run.size < 10 and (before in _MODELS or numbered):
        return "model"
    if any(token.sort is Sort.DATE for token in tokens[run.first : run.last + 1]):
        return "date"
    if _is_price(tokens, run):
        return "price"
    if run.digits > 6 or run.letters or run.spelled_out:
        return "dialled" if before in _DIALLED and run.digits < 4 and not run.letters else ""
    return _short_guard(tokens, run, before, after)


_LARGE = frozenset({"million", "billion", "lakh", "crore"})
_PRICES = words(
    "total totals price cost costs bill balance charge charged payment payments comes amount "
    "fee fees refund owe owes paid pay deposit premium rate subtotal discount spend spent "
    "worth bill's limit credit debit tax interest only population"
)


def _is_price(tokens: Sequence[Token], run: Run) -> bool:
    """ "Your total is eighty nine ninety five", "three hundred million"."""
    said = tokens[run.first : run.last + 1]
    if any(token.norm in _LARGE for token in said):
        return True
    scaled = any(token.sort is Sort.SCALE for token in said)
    if run.cardinal and scaled and 6 < run.digits < 12:
        return True
    if len(said) > 1 and said[-1].norm == "000" and said[0].sort is Sort.DIGITS:
        return True  # 90 000
    if run.letters or run.spelled_out or run.digits > (9 if scaled else 6):
        return False
    before = [token.norm for token in tokens[max(0, run.first - 4) : run.first]]
    if "number" in before or "card" in before or "code" in before:
        return False
    return any(word in _PRICES for word in before)


def is_counting(value: str) -> bool:
    """ "One two three four five", or backwards."""
    if len(value) >= 4 and ("12345678910111213".startswith(value) or value in "10987654321"):
        return True
    return value.isdigit() and any(_is_progression(value, first) for first in (1, 2))


def _is_progression(value: str, first: int) -> bool:
    """ "Seven fourteen twenty one": equal steps, four numbers at least of which the last has two
    digits."""
    start = int(value[:first] or 0)
    for size in (1, 2):
        second = value[first : first + size]
        step = int(second or 0) - start
        terms = "".join(str(start + step * place) for place in range(4))
        whole = "".join(str(start + step * place) for place in range(12))
        if step > 0 and len(terms) > 4 and len(value) >= len(terms) and whole.startswith(value):
            return True
    return False


def _has_unit(tokens: Sequence[Token], run: Run, after: str) -> bool:
    if run.letters or (after in _LOOSE_UNITS and not run.cardinal):
        return False
    if run.size > 2 and run.value[0] == "0":
        return False  # "0417 pound": a key, and no sum
    two = _word(tokens, run.last + 2)
    if after in ("a", "p") and two == "m":
        return True
    if after in _UNITS:
        if run.spelled_out and run.digits >= 4:
            return after in _MONEY
        return run.digits < 5 or run.cardinal
    if after in ("a", "per", "an") and two in _PERIODS and run.digits < 6:
        return True
    return after == "and" and two in ("half", "a") and run.digits < 3


def _short_guard(tokens: Sequence[Token], run: Run, before: str, after: str) -> str:
    if _next_to_date(tokens, run):
        return "date"
    if is_year(run) and before in _YEAR_BEFORE:
        return "year"
    if before in _BEFORE:
        return "counted"
    if run.digits <= 4 and (
        (before in _TIME_BEFORE and _is_time(run) and (run.digits <= 2 or after in _TIME_AFTER))
        or (after in ("past", "to", "till") and run.digits <= 2)
    ):
        return "time"
    if after == "to" and run.digits <= 2 and run.cardinal:
        return "range"
    if run.cardinal and any(t.sort is Sort.SCALE for t in tokens[run.first : run.last + 1]):
        return "amount"
    if (run.cardinal or run.written) and run.digits <= 4 and is_noun(tokens, run.last + 1):
        return "count"
    return ""


def is_year(run: Run) -> bool:
    return run.digits == run.size == 4 and run.value[:2] in ("19", "20") and not run.spelled_out


def _is_time(run: Run) -> bool:
    hours = int(run.value[: -2 if run.digits > 2 else None] or 0)
    return hours <= 24 and (run.digits < 3 or int(run.value[-2:]) < 60)


def _next_to_date(tokens: Sequence[Token], run: Run) -> bool:
    """A month beside it, or "the fourteenth of": a day or a year of some date."""
    near = [run.first - 1, run.last + 1]
    if _word(tokens, run.first - 1) in ("of", "the", "in"):
        near.append(run.first - 2)
    if _word(tokens, run.last + 1) == "of":
        near.append(run.last + 2)
    for place in near:
        if 0 <= place < len(tokens):
            token = tokens[place]
            if token.sort is Sort.MONTH and token.norm not in ("may", "march", "mar"):
                return True
            if token.norm in ("may", "march", "mar") and run.digits in (1, 2, 4):
                return True
    at = run.first - 1
    return (
        is_year(run)
        and at >= 0
        and (tokens[at].sort is Sort.ORDINAL or tokens[at].norm in ORDINALS)
    )


def is_noun(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word stands there that can be counted: "66 chickens"."""
    if not 0 < at < len(tokens) or tokens[at - 1].ends or tokens[at - 1].pauses:
        return False
    token = tokens[at]
    plain = token.sort is Sort.WORD and token.norm.isalpha() and len(token.norm) > 2
    return plain and token.norm not in STOP and token.norm not in FILLERS | BACKCHANNEL


def _word(tokens: Sequence[Token], at: int) -> str:
    return tokens[at].norm if 0 <= at < len(tokens) else ""
