"""Call metrics: how a conversation ran, from who speaks when. docs/explanation/call-metrics.md
has the definitions, and where they come from."""

from twicetold.enrich.metrics.measuring import measure
from twicetold.enrich.metrics.model import CallMetrics, SpeakerMetrics

__all__ = ["CallMetrics", "SpeakerMetrics", "measure"]
