"""How often the embedded judge of sentiment has the sign that people gave a line.

``python -m benchmarks sentiment --data DIR``: lines that nobody here wrote, with people's labels,
found anywhere below DIR:

* ``amazon.json``, ``imdb.json``, ``yelp.json``: 3,000 sentences of reviews, each good or bad
  (Kotzias et al., "From group to individual labels using deep features", KDD 2015), as the npm
  package ``sentiment`` ships them: ``npm pack sentiment@5.0.2``, then unpack it in DIR;
* ``*_GroundTruth.txt``: tweets, reviews and editorials, rated -4 to 4 by 20 people each (Hutto and
  Gilbert, ICWSM 2014), of VADER's own authors: ``pip download --no-deps vaderSentiment==0.5``, and
  unpack it and the archive inside. Neutral lines (means nearer to 0 than 0.5) are among them.

Beside the judge stands who calls every line neutral, and who always names the commonest sign.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.common import save
from twicetold.enrich.sentiment.vader import NEGATIVE, POSITIVE, score_of
from twicetold.enrich.tokens import folded

_REVIEWS = ("amazon.json", "imdb.json", "yelp.json")
_NEUTRAL = 0.5  # of a mean rating between -4 and 4
_FEWEST = 200

Line = tuple[str, int]  # text, sign


def run(data: Path | None = None) -> dict[str, Any]:
    """Agreement in sign by set; saved as ``sentiment``."""
    if data is None:
        raise SystemExit("sentiment needs lines: --data DIR (see benchmarks/sentiment.py).")
    sets = dict(_sets(data))
    if sum(map(len, sets.values())) < _FEWEST:
        raise SystemExit(f"There are fewer than {_FEWEST} lines in {data}.")
    figures: dict[str, Any] = {name: agreement(lines) for name, lines in sets.items()}
    reviews = [line for name in _REVIEWS for line in sets.get(name, ())]
    rated = [line for name, lines in sets.items() if name not in _REVIEWS for line in lines]
    for name, lines in (("reviews", reviews), ("rated", rated)):
        if lines:
            figures[name] = agreement(lines)
            figures[f"{name}, without marks and capitals"] = agreement(list(map(_bare, lines)))
    save("sentiment", figures)
    return figures


def agreement(lines: list[Line]) -> dict[str, Any]:
    """Shares of lines with the right sign, with 95 % intervals."""
    signs = [(wanted, sign_of(score_of(text))) for text, wanted in lines]
    right = sum(wanted == given for wanted, given in signs)
    opinions = [(wanted, given) for wanted, given in signs if wanted]
    opposite = sum(wanted == -given for wanted, given in opinions)
    ((_, commonest),) = Counter(wanted for wanted, _ in signs).most_common(1)
    return {
        "lines": len(lines),
        "agreement": right / len(lines),
        "interval": wilson(right, len(lines)),
        "opposite_sign": opposite / len(opinions) if opinions else None,
        "always_neutral": sum(wanted == 0 for wanted, _ in signs) / len(lines),
        "always_commonest": commonest / len(lines),
    }


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share."""
    share, spread = hits / total, z * z / total
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / total + spread / (4 * total))
    return middle - half, middle + half


def sign_of(score: float | None) -> int:
    if score is None:
        return 0
    return (score >= POSITIVE) - (score <= NEGATIVE)


def _bare(line: Line) -> Line:
    """As an engine writes it that knows neither."""
    return " ".join(folded(line[0])), line[1]


def _sets(data: Path) -> Iterator[tuple[str, list[Line]]]:
    for path in sorted(data.rglob("*")):
        if path.name in _REVIEWS:
            told = json.loads(path.read_text(encoding="utf-8"))
            yield path.name, [(each["text"], 1 if each["class"] else -1) for each in told]
        elif path.name.endswith("_GroundTruth.txt"):
            yield path.name, list(_rated(path))


def _rated(path: Path) -> Iterator[Line]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        _, mean, text = line.split("\t", 2)
        rating = float(mean)
        yield text, 0 if abs(rating) < _NEUTRAL else (1 if rating > 0 else -1)
