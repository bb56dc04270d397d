"""Pass 1: captions while people speak."""
