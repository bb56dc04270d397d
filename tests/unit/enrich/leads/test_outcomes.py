"""Outcomes that come to be known later change a score as if they had been known from the first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.enrich.leads.test_scoring import CALL, MOOD, ROLES, calibrated, rules

from twicetold.enrich.leads import Rubric, parse_rubric, score_call, with_outcomes
from twicetold.enrich.leads.model import Condition
from twicetold.enrich.metrics import measure

pytestmark = pytest.mark.unit

outcomes = st.dictionaries(st.sampled_from(("o", "p")), st.sampled_from(("won", "lost")))
about_outcomes = st.lists(
    st.tuples(
        st.sampled_from(("o", "p")),
        st.sampled_from(("[won]", "[lost]", "[won, lost]")),
        st.floats(-100, 100).filter(lambda weight: weight != 0),
    ).map(lambda rule: "outcome: {}, is: {}, weight: {}".format(*rule)),
    max_size=4,
)


def rubric_of(told: list[str], base: float, slope: float = 0.0) -> Rubric:
    lines = "".join(f"- {{name: r{n}, {rule}}}\n" for n, rule in enumerate(told))
    rubric = parse_rubric(f"name: r\nbase: {base}\nrules:\n{lines}")
    return calibrated(rubric, slope) if slope else rubric


def from_scratch(rubric: Rubric, known: dict[str, str]) -> dict[str, Any]:
    """As a store gives it back."""
    metrics = measure(CALL, 20.0, roles=ROLES)
    found = score_call(
        rubric, CALL, 20.0, metrics=metrics, sentiment=MOOD, outcomes=known, roles=ROLES
    )
    return dict(json.loads(json.dumps(found.to_dict())))


@given(
    rules,
    about_outcomes,
    st.randoms(use_true_random=False),
    st.floats(0, 100),
    st.floats(0.001, 1),
    outcomes,
    outcomes,
)
def test_it_is_the_score_that_these_outcomes_would_have_had_from_the_first(
    others: list[str],
    more: list[str],
    order: Any,
    base: float,
    slope: float,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    told = [*others, *more]
    order.shuffle(told)
    rubric = rubric_of(told, base, slope)
    lead = from_scratch(rubric, before)
    assert with_outcomes(lead, after, rubric) == from_scratch(rubric, after)
    assert with_outcomes(lead, before, rubric) == lead


@given(rules, about_outcomes, st.floats(0, 100), outcomes, outcomes)
def test_an_outcomes_rule_of_positive_weight_never_lowers_a_score(
    others: list[str], more: list[str], base: float, before: dict[str, str], after: dict[str, str]
) -> None:
    """Nor does one of negative weight raise it: each alone, against the rubric without it."""
    rubric = rubric_of([*others, *more], base)
    for rule in (each for each in rubric.rules if each.condition is Condition.OUTCOME):
        rest = replace(rubric, rules=tuple(each for each in rubric.rules if each is not rule))
        found = with_outcomes(from_scratch(rubric, before), after, rubric)
        without = with_outcomes(from_scratch(rest, before), after, rest)
        assert found is not None
        assert without is not None
        if rule.weight > 0:
            assert found["score"] >= without["score"]
        else:
            assert found["score"] <= without["score"]


def test_reasons_come_and_go_and_all_else_stays() -> None:
    rubric = rubric_of(["say: how much, weight: 5", "outcome: o, is: won, weight: 30"], 10)
    lead = {**from_scratch(rubric, {}), "unanswered": "llm_budget"}
    assert (lead["score"], lead["unjudged"]) == (15, ["r1"])
    won = with_outcomes(lead, {"o": "won", "nobody": "asks"}, rubric)
    assert won is not None
    assert (won["score"], won["unjudged"], won["unanswered"]) == (45, [], "llm_budget")
    assert won["fired"][0] == lead["fired"][0]
    assert won["base"] == lead["base"] == rubric.base
    assert won["fired"][1] == {"rule": "r1", "points": 30.0, "times": [], "value": "won"}
    lost = with_outcomes(won, {"o": "lost"}, rubric)
    assert lost is not None
    assert (lost["score"], lost["unjudged"]) == (15, [])
    assert with_outcomes(lost, {}, rubric) == lead


def test_a_score_by_another_rubric_or_of_another_form_is_left_to_whoever_made_it() -> None:
    rubric, other = rubric_of(["outcome: o, is: won, weight: 30"], 10), rubric_of([rules_other], 10)
    lead = from_scratch(rubric, {})
    assert with_outcomes(lead, {"o": "won"}, other) is None
    assert with_outcomes({**lead, "fired": [{"rule": "r0"}]}, {"o": "won"}, rubric) is None
    assert with_outcomes({"fingerprint": rubric.fingerprint}, {"o": "won"}, rubric) is None


rules_other = "outcome: o, is: won, weight: 31"
