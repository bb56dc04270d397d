"""Sentiment: how it went, -1 (bad) to 1 (good), of each segment, speaker and call, and its curve.

``judged`` asks a ``SentimentJudge``: VADER for English, or an adapter such as a language model's.
"""

from twicetold.enrich.sentiment.judging import judged
from twicetold.enrich.sentiment.model import CallSentiment, CurvePoint, SpeakerSentiment
from twicetold.enrich.sentiment.port import SentimentJudge, Utterance
from twicetold.enrich.sentiment.vader import VaderJudge

__all__ = [
    "CallSentiment",
    "CurvePoint",
    "SentimentJudge",
    "SpeakerSentiment",
    "Utterance",
    "VaderJudge",
    "judged",
]
