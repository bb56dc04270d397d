"""Twicetold: every call is told twice, live captions first, a better transcript after."""

__version__ = "0.1.0"
