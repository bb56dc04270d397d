"""Invented calls with their personal data marked, and how a redactor is scored on them."""
