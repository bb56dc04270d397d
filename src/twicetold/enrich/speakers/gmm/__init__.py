"""The embedded diarizer: no model but what it learns from the recording itself.

Cepstra and pitch (``features``), clusters and their number (``clustering``), alignment with
mixtures of Gaussians (``alignment``), ten minutes at a time, and the voices of one such stretch
found again in the next (``stitching``).
"""

from twicetold.enrich.speakers.gmm.diarization import GmmDiarizer

__all__ = ["GmmDiarizer"]
