"""The tagger beside the rules: what it adds, and what happens without it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts.train_redaction_tagger import trained_on
from structlog.testing import capture_logs
from tests.unit.enrich.redaction.calls import segment

from twicetold.enrich.redaction import Context, Redactor, masked
from twicetold.enrich.redaction.kinds import KINDS
from twicetold.enrich.redaction.policy import Policy
from twicetold.enrich.redaction.tagger import tagger as module
from twicetold.enrich.redaction.tagger.features import BITS
from twicetold.enrich.redaction.tagger.kinding import GROUPS
from twicetold.enrich.redaction.tagger.tagger import Tagger, Weights, shipped
from twicetold.enrich.redaction.tagger.verdict import NAMES, Verdict
from twicetold.enrich.redaction.turns import Mark

pytestmark = pytest.mark.unit


def _weights(leaning=0.0, verdict=None):
    """Every word is personal if ``leaning`` is more than nothing, for the first reading."""
    return Weights(
        np.full(1 << BITS, leaning, np.float32),
        np.zeros((2, 2)),
        np.zeros((1 << 12, len(GROUPS)), np.float32),
        frozenset(),
        verdict or Verdict.adding(),
    )


@pytest.fixture
def fresh():
    shipped.cache_clear()
    yield
    shipped.cache_clear()


def test_the_package_comes_with_weights_of_less_than_a_megabyte():
    assert shipped() is not None
    assert module.WEIGHTS.stat().st_size < 1 << 20


def test_every_kind_that_it_gives_is_one_of_the_policys():
    assert all(kind in KINDS for kinds in GROUPS.values() for kind in kinds)


_SAID = (
    "twenty", "9th", "may", "is", "two", "04/27", "oh", "b", "4421", "um", "born", "1982", "dot",
    "at", "christmas", "nineteen", "password", "…x", "street", "03/14/1982", "thousand",
    "JN-4", "٤٢",
)  # fmt: skip


@pytest.mark.parametrize("group", range(len(GROUPS)))
@settings(max_examples=25)
@given(said=st.lists(st.lists(st.sampled_from(_SAID), max_size=6), max_size=3))
@pytest.mark.slow
def test_whatever_it_takes_can_be_looked_for_again(group, said):
    """What it finds of any kind is a value that readbacks can read."""
    weights = _weights(1.0)
    weights.kinds[:, group] = 1.0
    call = [segment(" ".join(words), at=9.0 * at) for at, words in enumerate(said) if words]
    found = Redactor(tagger=Tagger(weights)).redact(call)
    assert all(removed.kind in KINDS for removed in found.removed)


def test_a_date_in_words_is_kept_as_numbers_only():
    weights = _weights(1.0)
    weights.kinds[:, list(GROUPS).index("date_of_birth")] = 1.0
    call = [segment("so christmas it is 19"), segment("and 19821225 then", at=9.0)]
    found = Redactor(tagger=Tagger(weights)).redact(call)
    assert {removed.kind for removed in found.removed} == {"date_of_birth"}


def test_without_weights_the_rules_stand_alone(fresh, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "WEIGHTS", tmp_path / "none.npz")
    call = [segment("my pin is four four two one")]
    assert Redactor().redact(call).removed == Redactor(tagger=None).redact(call).removed != []


@pytest.mark.parametrize("body", [b"", b"no weights", b"PK\x03\x04 half a file"])
def test_weights_that_cannot_be_read_are_told_of_and_left(fresh, monkeypatch, tmp_path, body):
    monkeypatch.setattr(module, "WEIGHTS", tmp_path / "weights.npz")
    module.WEIGHTS.write_bytes(body)
    with capture_logs() as logs:
        assert shipped() is None
    assert [each["event"] for each in logs] == ["redaction_tagger_unreadable"]


def test_weights_of_another_format_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FORMAT", 2)
    _weights().save(tmp_path / "weights.npz")
    monkeypatch.setattr(module, "FORMAT", 1)
    with pytest.raises(ValueError, match="format 2"):
        Weights.load(tmp_path / "weights.npz")


def _vetoing():
    against = [-9.0 if name in ("free", "marked") else 0.0 for name in NAMES]
    return Verdict(np.array(against), np.zeros((2, 2)))


_CALLED = "hello there friend my pin is four four two one thanks"


def test_by_a_verdict_that_only_adds_the_rules_keep_what_is_theirs():
    call = [segment(_CALLED)]
    nothing = Redactor(tagger=Tagger(_weights(-1.0), leaning=0.0)).redact(call)
    assert nothing.removed == Redactor(tagger=None).redact(call).removed
    everything = Redactor(tagger=Tagger(_weights(1.0))).redact(call)
    assert everything.segments[0].text == "[PHONE] is [PIN]"  # "is" alone is a filler
    assert [removed.words for removed in everything.removed if removed.kind == "pin"] != []


def test_a_verdict_takes_back_what_rules_marked():
    tagger = Tagger(_weights(-1.0, _vetoing()))
    assert not Redactor(tagger=tagger).redact([segment(_CALLED)]).removed
    assert Redactor(tagger=None).redact([segment(_CALLED)]).removed


@pytest.mark.parametrize(
    "said",
    [
        "my card is 4111 1111 1111 1111",
        "it's four one one one one one one one one one one one one one one one",
        "write to jane@example.com",
        "it's at 192.0.2.44",
        "the iban is GB82 WEST 1234 5698 7654 32",
    ],
)
def test_what_its_form_proves_goes_whatever_the_verdict(said):
    tagger = Tagger(_weights(-9.0, _vetoing()))
    found = Redactor(tagger=tagger).redact([segment(said)]).removed
    assert found == Redactor(tagger=None).redact([segment(said)]).removed != []


def test_what_another_finder_gives_goes_whatever_the_verdict():
    def hello(turn, words):
        return [Mark(turn.index, 0, 0, "name", "hello")]

    redactor = Redactor(tagger=Tagger(_weights(-9.0, _vetoing())), finders=[hello])
    assert redactor.redact([segment(_CALLED)]).segments[0].text.startswith("[NAME] there")


def test_weights_for_other_evidence_are_refused(tmp_path):
    verdict = Verdict(np.zeros(len(NAMES) + 1), np.zeros((2, 2)))
    _weights(verdict=verdict).save(tmp_path / "weights.npz")
    with pytest.raises(ValueError, match="evidence"):
        Weights.load(tmp_path / "weights.npz")


def test_what_a_guard_calls_a_quantity_stays():
    call = [segment("forty dollars please")]
    assert "forty" in Redactor(tagger=Tagger(_weights(1.0))).redact(call).segments[0].text


def test_kinds_that_the_policy_leaves_stay():
    call = [segment("the blue shed over there")]
    everything = Tagger(_weights(1.0))
    assert not Redactor(policy=Policy(frozenset()), tagger=everything).redact(call).removed


def test_the_same_call_gives_the_same_every_time_and_the_context_travels():
    call = [segment(text, channel=at % 2, at=10.0 * at) for at, text in enumerate(_CALL)]
    whole = Redactor().redact(call)
    assert whole == Redactor().redact(call)
    body = json.loads(json.dumps(whole.context.to_dict()))
    assert Context.from_dict(body) == whole.context
    assert "4421" not in json.dumps(body)
    assert "four" not in json.dumps(body["told"])


_CALL = ("could you confirm your pin please", "it's four four two one", "thank you what else")


def test_a_context_of_before_there_was_a_tagger_is_read():
    body = Context().to_dict()
    del body["told"]
    assert Context.from_dict(body) == Context()


def test_unsettled_text_is_read_by_it_too(fresh, monkeypatch):
    text = segment("the blue shed over there")
    monkeypatch.setattr("twicetold.enrich.redaction.redactor.shipped", lambda: None)
    assert masked(text, Context()).text == text.text
    everything = Tagger(_weights(1.0))
    monkeypatch.setattr("twicetold.enrich.redaction.redactor.shipped", lambda: everything)
    assert masked(text, Context()).text == "**** **** **** **** ****"


def test_training_gives_the_same_file_every_time_and_it_reads_as_it_was(tmp_path):
    for name in ("a.npz", "b.npz"):
        trained_on(["dev"], most=4, rounds=5).save(tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    made, read = trained_on(["dev"], most=4, rounds=5), Weights.load(tmp_path / "a.npz")
    assert made.words == pytest.approx(read.words, abs=1e-2)
    assert made.common == read.common
    assert read.words.any()
    assert read.kinds.any()
    assert made.verdict.weights == pytest.approx(read.verdict.weights, abs=1e-3)


@pytest.mark.slow
def test_what_rules_are_worth_is_learned_from_calls_that_they_were_not_made_with():
    adding = Verdict.adding().weights
    assert (trained_on(["dev"], most=2, rounds=2).verdict.weights == adding).all()
    assert (trained_on(["dev", "held_out"], most=2, rounds=2).verdict.weights != adding).any()
