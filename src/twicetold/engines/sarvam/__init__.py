"""Engine ``sarvam``: 22 Indian languages and English, live and recordings."""
