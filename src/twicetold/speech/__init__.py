"""Pure nouns: audio, transcripts, events, log messages, scoring. No I/O in this room."""
