"""Language models that answer, and all the ways in which they do not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.servers.chat import MODEL, ChatServer, content
from tests.servers.speaking import KEY
from tests.servers.transcriptions import Answer

from twicetold.enrich.llm import (
    LlmAnswer,
    LlmBudget,
    LlmClient,
    LlmEndpoint,
    LlmSentiment,
    Spending,
    answers,
)
from twicetold.enrich.sentiment import Utterance, VaderJudge, judged
from twicetold.errors import (
    LlmBudgetSpent,
    LlmFailed,
    LlmNotAllowed,
    LlmRefused,
    SettingError,
)
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.integration

COUNTED = {"prompt_tokens": 70, "completion_tokens": 5}
SAID = [Utterance("agent", "Good morning"), Utterance("customer", "this is terrible")]


def rated(task: str, text: str) -> Any:
    """A model that finds everything terrible bad, and the rest a little good."""
    lines = [line.split(" ", 1) for line in text.splitlines()]
    return {
        "scores": [
            {"number": int(number), "score": -0.9 if "terrible" in said else 0.2}
            for number, said in lines
        ]
    }


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with ChatServer(rated).open() as running:
        assert isinstance(running, ChatServer)
        yield running


@pytest.fixture
async def client(server: ChatServer) -> AsyncIterator[LlmClient]:
    opened = LlmClient(endpoint(server))
    yield opened
    await opened.aclose()


def endpoint(server: ChatServer) -> LlmEndpoint:
    return LlmEndpoint(server.url, MODEL, KEY, allowed=True, timeout_s=2.0)


async def scores(client: LlmClient, budget: LlmBudget | None = None) -> list[float | None]:
    spending = Spending(budget or LlmBudget())
    return await LlmSentiment(client, spending).scores(SAID, "en")


async def test_utterances_are_rated(server: ChatServer, client: LlmClient) -> None:
    assert await scores(client) == [0.2, -0.9]
    assert server.asked[0]["response_format"]["type"] == "json_schema"
    assert server.asked[0]["temperature"] == 0


async def test_many_utterances_take_several_requests_and_silent_ones_none(
    server: ChatServer, client: LlmClient
) -> None:
    said = [Utterance("a", f"line {n}" if n % 10 else " ") for n in range(120)]
    judge = LlmSentiment(client, Spending(LlmBudget()))
    found = await judge.scores(said, "hi")
    assert len(server.asked) == 3
    assert [score is None for score in found] == [n % 10 == 0 for n in range(120)]


BAD = [
    ("I think the customer was rather unhappy.", "no JSON object"),
    ([1, 2], "no JSON object"),
    ("", "no JSON object"),
    ({"mood": "bad"}, "no scores"),
    ({"scores": 3}, "no scores"),
    ({"scores": [{"number": "one", "score": 0.1}]}, "no scores"),
    ({"scores": [{"number": 1, "score": 0.1}]}, "every utterance once"),
    ({"scores": [{"number": 1, "score": 0.1}] * 2}, "every utterance once"),
    ({"scores": [{"number": 1, "score": 400}, {"number": 2, "score": 0}]}, "outside of -1 to 1"),
    ({"scores": [{"number": 1, "score": "0.1"}, {"number": 2, "score": 0}]}, "no number"),
    ({"scores": [{"number": 1, "score": True}, {"number": 2, "score": 0}]}, "no number"),
    ('{"scores": [{"number": 1, "score": NaN}, {"number": 2, "score": 0}]}', "outside"),
    ('{"scores": [{"number": 1, "score": 1e999}, {"number": 2, "score": 0}]}', "outside"),
    (
        f'{{"scores": [{{"number": 1, "score": {10**400}}}, {{"number": 2, "score": 0}}]}}',
        "outside",
    ),
    ("[" * 100_000, "no JSON object"),
]


@pytest.mark.parametrize(("told", "reason"), BAD)
async def test_what_cannot_be_used_is_a_clean_error(
    server: ChatServer, client: LlmClient, told: Any, reason: str
) -> None:
    server.answers = [content(told)]
    with pytest.raises(LlmFailed, match=reason) as caught:
        await scores(client)
    assert "customer" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(body={"choices": []}), "something else"),
        (Answer(body=[1]), "something else"),
        (Answer(body=b"<html>busy</html>"), "something else"),
        (content(None), "no answer"),
        (content('{"scores": [', finish_reason="length"), "cut off"),
        (Answer(0), "cannot be reached"),
        (Answer(silent=True), "in time"),
        (Answer(body=b"x" * 400, drip_s=0.1), "in time"),
        (Answer(body=b"x" * (2**21 + 1)), "far too much"),
    ],
)
async def test_a_server_that_misbehaves_is_a_clean_error(
    server: ChatServer, answer: Answer, reason: str
) -> None:
    server.answers = [answer]
    client = LlmClient(replace(endpoint(server), timeout_s=0.5))
    with pytest.raises(LlmFailed, match=reason):
        await scores(client)
    await client.aclose()


async def test_a_json_answer_in_a_fence_is_one(server: ChatServer, client: LlmClient) -> None:
    fenced = '```json\n{"scores": [{"number": 1, "score": 0}, {"number": 2, "score": 1}]}\n```'
    server.answers = [content(fenced)]
    assert await scores(client) == [0.0, 1.0]


async def test_a_busy_server_is_asked_twice_and_no_more(
    server: ChatServer, client: LlmClient
) -> None:
    server.answers = [Answer(500, {})]
    assert await scores(client) == [0.2, -0.9]
    server.answers = [Answer(503, {}), Answer(429, {}, {"retry-after": "0.1"})]
    with pytest.raises(LlmFailed, match="429") as caught:
        await scores(client)
    assert caught.value.retryable
    assert len(server.asked) == 4


async def test_who_is_refused_does_not_ask_again(server: ChatServer) -> None:
    client = LlmClient(replace(endpoint(server), key="wrong"))
    with pytest.raises(LlmRefused, match="401") as caught:
        await scores(client)
    await client.aclose()
    assert len(server.asked) == 1
    assert not caught.value.retryable
    assert "wrong" not in f"{caught.value.message} {caught.value.hint} {client.endpoint!r}"


async def test_a_redirect_is_not_followed(server: ChatServer, client: LlmClient) -> None:
    server.answers = [Answer(307, {}, {"location": f"{server.url}/elsewhere"})]
    with pytest.raises(LlmRefused, match="307"):
        await scores(client)
    assert len(server.asked) == 1


async def test_an_older_server_is_asked_in_its_own_way(
    server: ChatServer, client: LlmClient
) -> None:
    server.refuses = {"json_schema", "temperature", "max_tokens"}
    assert await scores(client) == [0.2, -0.9]
    last = server.asked[-1]
    assert last["response_format"] == {"type": "json_object"}
    assert "temperature" not in last
    before = len(server.asked)
    await scores(client)
    assert len(server.asked) == before + 1  # it has been learnt
    server.refuses |= {"json_object"}
    assert await scores(client) == [0.2, -0.9]
    assert "response_format" not in server.asked[-1]


async def test_nothing_is_sent_unless_the_tenant_allows_it(server: ChatServer) -> None:
    client = LlmClient(replace(endpoint(server), allowed=False))
    with pytest.raises(LlmNotAllowed):
        await scores(client)
    await client.aclose()
    assert server.requests == []


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (LlmBudget(requests=0), "requests"),
        (LlmBudget(tokens=300), "tokens"),
    ],
)
async def test_what_would_cost_too_much_is_not_sent(
    server: ChatServer, client: LlmClient, budget: LlmBudget, reason: str
) -> None:
    with pytest.raises(LlmBudgetSpent, match=reason):
        await scores(client, budget)
    assert server.asked == []


async def test_a_call_that_is_too_long_for_its_budget_sends_nothing(
    server: ChatServer, client: LlmClient
) -> None:
    said = [Utterance("a", f"line {n}") for n in range(120)]
    judge = LlmSentiment(client, Spending(LlmBudget(requests=2)))
    with pytest.raises(LlmBudgetSpent, match="2 requests"):
        await judge.scores(said, "en")
    assert server.asked == []


async def test_what_was_spent_is_counted_as_the_server_counts(
    server: ChatServer, client: LlmClient
) -> None:
    spending = Spending(LlmBudget())
    await LlmSentiment(client, spending).scores(SAID, "en")
    assert (spending.requests, spending.tokens_in, spending.tokens_out) == (1, 100, 10)
    server.usage = {"prompt_tokens": -5, "completion_tokens": "many"}
    await LlmSentiment(client, spending).scores(SAID, "en")
    assert spending.requests == 2
    assert 200 < spending.tokens < 1000  # by the letters


@pytest.mark.parametrize(
    "answer",
    [
        content("Quite bad.", usage=COUNTED),
        content(None, usage=COUNTED),
        content('{"scores": [', finish_reason="length", usage=COUNTED),
        Answer(body={"choices": [], "usage": COUNTED}),
    ],
)
async def test_what_comes_to_nothing_is_spent_all_the_same(
    server: ChatServer, client: LlmClient, answer: Answer
) -> None:
    server.answers = [answer]
    spending = Spending(LlmBudget())
    with pytest.raises(LlmFailed):
        await LlmSentiment(client, spending).scores(SAID, "en")
    assert (spending.tokens_in, spending.tokens_out) == (70, 5)


@pytest.mark.parametrize(
    "answer", [Answer(401, {"usage": COUNTED}), Answer(body=b"busy"), Answer(0)]
)
async def test_what_was_not_answered_is_not(
    server: ChatServer, client: LlmClient, answer: Answer
) -> None:
    server.answers = [answer]
    spending = Spending(LlmBudget())
    with pytest.raises((LlmFailed, LlmRefused)):
        await LlmSentiment(client, spending).scores(SAID, "en")
    assert (spending.requests, spending.tokens) == (1, 0)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingError, match="https"):
        LlmClient(LlmEndpoint("models.example", MODEL))


async def test_a_server_that_is_not_there_is_a_clean_error() -> None:
    client = LlmClient(LlmEndpoint("http://127.0.0.1:9/v1", MODEL, allowed=True, timeout_s=2.0))
    with pytest.raises(LlmFailed, match="cannot be reached"):
        await scores(client)
    await client.aclose()


CALL = [Segment(1, 0, 0.0, 5.0, "Good morning"), Segment(2, 1, 6.0, 9.0, "this is terrible")]


async def test_a_model_judges_a_call(client: LlmClient) -> None:
    judge = LlmSentiment(client, Spending(LlmBudget()))
    marked, found = await judged(CALL, judge, length_s=10, language="hi", fallback=VaderJudge())
    assert [each.sentiment for each in marked] == [0.2, -0.9]
    assert (found.judge, found.reason) == (f"llm:{MODEL}", "")


@pytest.mark.parametrize("answer", [content("Quite bad."), Answer(400, {}), Answer(silent=True)])
async def test_where_a_model_fails_the_fallback_judges_and_the_result_says_so(
    server: ChatServer, answer: Answer
) -> None:
    server.answers = [answer]
    client = LlmClient(replace(endpoint(server), timeout_s=0.5))
    judge = LlmSentiment(client, Spending(LlmBudget()))
    marked, found = await judged(CALL, judge, length_s=10, language="en", fallback=VaderJudge())
    await client.aclose()
    assert (found.judge, found.wished) == ("vader", f"llm:{MODEL}")
    assert found.reason in ("llm_failed", "llm_refused")
    assert marked[1].sentiment is not None
    assert marked[1].sentiment < 0


def answering(told: Any) -> Any:
    return lambda task, text: {"answers": told}


async def test_questions_are_answered_with_their_places(
    server: ChatServer, client: LlmClient
) -> None:
    server.reply = answering(
        [
            {"question": 2, "yes": False, "utterances": []},
            {"question": 1, "yes": True, "utterances": [2, 2]},
        ]
    )
    found = await answers(client, Spending(LlmBudget()), ["Is it bad?", "Is it sold?"], SAID)
    assert found == [LlmAnswer(True, (1,)), LlmAnswer(False)]
    text = server.asked[0]["messages"][1]["content"]
    assert re.search(r"2\. Is it sold\?.*1 agent: Good morning", text, re.DOTALL)
    assert await answers(client, Spending(LlmBudget()), [], SAID) == []
    assert len(server.asked) == 1


async def test_of_a_call_too_long_to_be_read_whole_a_no_says_nothing(
    server: ChatServer, client: LlmClient
) -> None:
    server.reply = answering(
        [
            {"question": 1, "yes": True, "utterances": [2]},
            {"question": 2, "yes": False, "utterances": []},
        ]
    )
    long = [*SAID, *[Utterance("agent", "on and on " * 40)] * 200]
    found = await answers(client, Spending(LlmBudget()), ["Is it bad?", "Is it sold?"], long)
    assert found == [LlmAnswer(True, (1,)), None]


@pytest.mark.parametrize(
    "told",
    [
        [],
        [{"question": 1, "yes": "yes", "utterances": []}],
        [{"question": 1, "yes": True, "utterances": [3]}],
        [{"question": 1, "yes": True, "utterances": "2"}],
        [{"question": 1, "yes": True}],
        [{"question": 7, "yes": True, "utterances": []}],
        "yes",
    ],
)
async def test_other_answers_are_a_clean_error(
    server: ChatServer, client: LlmClient, told: Any
) -> None:
    server.reply = answering(told)
    with pytest.raises(LlmFailed):
        await answers(client, Spending(LlmBudget()), ["Is it bad?"], SAID)
