"""Pass 2: the canonical transcript of a finished recording."""
