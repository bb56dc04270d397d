"""Engine ``whisper``: OpenAI's Whisper and its kin, by faster-whisper and without torch."""
