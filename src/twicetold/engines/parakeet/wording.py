"""Tokens to words with times and probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence

from twicetold.engines.parakeet.transducer import Emitted
from twicetold.speech.transcript import Word

FRAME_S = 0.08
_SPACE = "▁"  # of SentencePiece: a word begins


class Vocabulary:
    """``lines`` of ``vocab.txt``: a token and its number each."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Raises ValueError for lines that are none."""
        self._tokens: dict[int, str] = {}
        for line in lines:
            token, _, number = line.rstrip("\n").rpartition(" ")
            self._tokens[int(number)] = token
        if sorted(self._tokens) != list(range(len(lines))):
            raise ValueError("expected the numbers from 0 on, each once")
        self.blank = self._blank()

    def __len__(self) -> int:
        return len(self._tokens)

    def __getitem__(self, number: int) -> str:
        return self._tokens[number]

    def _blank(self) -> int:
        for number, token in self._tokens.items():
            if token == "<blk>":
                return number
        raise ValueError("expected a token <blk>")


def words_of(emitted: Sequence[Emitted], vocabulary: Vocabulary) -> list[Word]:
    """Words in order; times in seconds from the stream's first frame.

    A word begins with its first token's frame. The durations that the model predicts are how far
    it jumps (4 frames at most), not how long a token sounds: a word ends where its last token's
    jump leads, one frame at least behind its begin, and not behind the next word's begin.
    """
    groups: list[list[Emitted]] = []
    for each in emitted:
        token = vocabulary[each.token]
        if _is_control(token):
            continue
        if not groups or token.startswith(_SPACE):
            groups.append([])
        groups[-1].append(each)
    if not groups:
        return []
    begins = [group[0].frame for group in groups[1:]]
    words = [
        _word(group, following, vocabulary)
        for group, following in zip(groups, [*begins, None], strict=True)
    ]
    return [word for word in words if word.text]


def _word(group: list[Emitted], following: int | None, vocabulary: Vocabulary) -> Word:
    text = "".join(vocabulary[each.token] for each in group).replace(_SPACE, " ").strip()
    begin, last = group[0].frame, group[-1]
    end = last.frame + max(1, last.duration)
    if following is not None:
        end = min(end, max(following, begin + 1))
    probability = math.exp(sum(each.log_probability for each in group) / len(group))
    return Word(begin * FRAME_S, end * FRAME_S, text, min(1.0, probability))


def _is_control(token: str) -> bool:
    return token.startswith("<") and token.endswith(">")
