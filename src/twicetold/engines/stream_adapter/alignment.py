"""Which of the words of a window are settled ones, heard again. Pure.

Neither text nor time can tell by itself: said "five five five", text would take the second for
the first, and times move by a tenth of a second from one hearing to the next. So the settled words
are aligned with the first words of the window as in an edit distance that knows time. A settled
word may be heard again, as another word in its place, or not at all; between them others may turn
up, such as the rest of a word that the window's begin cuts.
"""

from __future__ import annotations

from collections.abc import Sequence

from twicetold.engines.stream_adapter.wording import apart, apart_s, same_text
from twicetold.speech.transcript import Word

_NOT_HEARD = 2.5  # a settled word
_TURNED_UP = 1.2  # a word that has not been settled
_OTHER_TEXT = 1.7
_APART = 2.5  # times the square of how far apart the two hearings are
_MOST_APART = 1.8  # in its order, a settled word is rather a little away than not heard
_ANOTHER_S = 2.0  # so far away it is another word
_NEVER = float("inf")
_IN_PLACE = 0.3


def heard_again(settled: Sequence[Word], heard: Sequence[Word]) -> list[int | None]:
    """Of each settled word the index that it has among the heard ones; None: not heard."""
    common = 0
    while common < min(len(settled), len(heard)) and _in_place(settled[common], heard[common]):
        common += 1
    found: list[int | None] = list(range(common))
    if common < len(settled):
        aligned = _aligned(settled[common:], heard[common:])
        found += [None if index is None else common + index for index in aligned]
    return found


def _in_place(one: Word, other: Word) -> bool:
    return same_text(one, other) and apart(one, other) <= _IN_PLACE


def _aligned(settled: Sequence[Word], heard: Sequence[Word]) -> list[int | None]:
    costs, steps = _costs(settled, heard)
    at = min(range(len(heard) + 1), key=costs.__getitem__)  # what follows has not been settled
    found: list[int | None] = [None] * len(settled)
    row = len(settled)
    while row:
        step = steps[row - 1][at]
        if step == 0:
            found[row - 1] = at - 1
        row -= step != 2
        at -= step != 1
    return found


def _costs(settled: Sequence[Word], heard: Sequence[Word]) -> tuple[list[float], list[list[int]]]:
    """What it costs to find all settled words in so many heard ones, and of each step which way
    was cheapest: 0 both, 1 a settled word that is not heard, 2 a heard one that has turned up."""
    costs = [_TURNED_UP * at for at in range(len(heard) + 1)]
    steps: list[list[int]] = []
    for word in settled:
        before, costs, chosen = costs, [costs[0] + _NOT_HEARD], [1]
        for at, other in enumerate(heard, 1):
            ways = (
                before[at - 1] + _difference(word, other),
                before[at] + _NOT_HEARD,
                costs[at - 1] + _TURNED_UP,
            )
            cheapest = min(ways)
            costs.append(cheapest)
            chosen.append(ways.index(cheapest))
        steps.append(chosen)
    return costs, steps


def _difference(word: Word, other: Word) -> float:
    if apart_s(word, other) > _ANOTHER_S:
        return _NEVER
    away = _APART * apart(word, other) ** 2
    return min(away, _MOST_APART) if same_text(word, other) else _OTHER_TEXT + away
