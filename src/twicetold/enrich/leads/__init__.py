"""Lead score: 0 to 100 by a rubric that people write, with the reasons; calibrated on outcomes.

docs/how-to/rules-and-leads.md shows how rubrics are written.
"""

from twicetold.enrich.leads.calibration import Calibration, Quality, calibrate, quality
from twicetold.enrich.leads.model import (
    LEAD,
    Fired,
    LeadScore,
    Rubric,
    RubricOf,
    RubricRule,
)
from twicetold.enrich.leads.reading import (
    default_rubric,
    default_text,
    load_rubric,
    parse_rubric,
)
from twicetold.enrich.leads.scoring import score_call, with_outcomes

__all__ = [
    "LEAD",
    "Calibration",
    "Fired",
    "LeadScore",
    "Quality",
    "Rubric",
    "RubricOf",
    "RubricRule",
    "calibrate",
    "default_rubric",
    "default_text",
    "load_rubric",
    "parse_rubric",
    "quality",
    "score_call",
    "with_outcomes",
]
