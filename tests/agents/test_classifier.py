"""What a message is about: the shipped examples for how people write, a few made-up ones for how it is decided."""

import re
from pathlib import Path

import pytest

from app.agents.classifier import UNDERSTOOD, Classifier, Guess
from app.agents.language import MOST_WORDS, Language
from app.agents.orchestrator import SURE
from app.agents.utterances import Example, Pattern, read_words
from tests.support.bot_chat import DATA, handbook


def made(examples: list[Example], patterns: list[Pattern] | None = None) -> Classifier:
    """A classifier of a few examples."""
    words = read_words(Path(DATA / "language.toml"))
    language = Language(words.words, words.phrases, words.common.split(), [one.text for one in examples])
    return Classifier(examples, patterns or [], language)


EXAMPLES = [
    Example("what is my balance", "account_data", "balance"),
    Example("tell me the balance", "account_data", "balance"),
    Example("a street light is broken", "service_request", "lights"),
    Example("cost of a street light", "billing_faq", "lights-topic", "Fees"),
    Example("who pays for street lights", "billing_faq", "lights-topic"),
    Example("hello", "", "greeting"),
]


@pytest.mark.parametrize(
    ("text", "category", "intent"),
    [
        ("what's my balance?", "account_data", "balance"), ("whats my balence", "account_data", "balance"),
        ("ballance pls", "account_data", "balance"), ("wat is my acct bal", "account_data", "balance"),
        ("HOW MUCH DO I OWE", "account_data", "balance"), ("did u get my pmt", "account_data", "payment_received"),
        ("why is my bill so high", "account_data", "high_bill"), ("when is my bill due", "account_data", "due_date"),
        ("am i on autopay", "account_data", "autopay_status"),
        ("what is buget biling", "billing_faq", "budget-billing"),
        ("how do i enrol in autopya", "billing_faq", "autopay"),
        ("wat r my payment options", "billing_faq", "payment-options"),
        ("time of use rates plz", "billing_faq", "time-of-use"), ("my power is out", "service_request", "outage"),
        ("powr is out agian", "service_request", "outage"),
        ("turn on service at my new apartment", "service_request", "start_service"),
        ("reconnect my service", "service_request", "reconnect"), ("gimme a human", "human_requested", "person"),
        ("represenative!!", "human_requested", "person"), ("your supervisor please", "human_requested", "supervisor"),
        ("call me back", "human_requested", "callback"), ("who is the president", "out_of_scope", "trivia"),
        ("tell me a joke", "out_of_scope", "entertainment"), ("hi", "", "greeting"), ("thx", "", "thanks"),
        ("ok", "", "acknowledgement"), ("yes", "", "yes"), ("nope", "", "no"), ("never mind", "", "never_mind"),
        ("bye", "", "goodbye"), ("what can you do", "", "help"), ("are you a bot", "", "identity"),
    ],
)  # fmt: skip
def test_how_people_write_is_understood(text: str, category: str, intent: str) -> None:
    guess = handbook().brain.classifier.guess(text)
    assert (guess.category, guess.intent) == (category, intent)
    assert guess.confidence >= SURE


@pytest.mark.parametrize(
    "text", ["asdfgh qwerty", "xkcd flurb zonk", "wqx rtp", "ñandú", "hjjkk trrww ppqq", "mxyzptlk"]
)
def test_gibberish_isnt_understood(text: str) -> None:
    guess = handbook().brain.classifier.guess(text)
    assert guess.category == "out_of_scope"
    assert guess.confidence < UNDERSTOOD


@pytest.mark.parametrize("text", ["", "   ", "???", "!!!", "...", "🙂🙂", "12345", "$", "你好", "привет", "\n\t", "?!"])
def test_a_message_without_words_asks_for_others(text: str) -> None:
    assert handbook().brain.classifier.guess(text) == Guess("out_of_scope", "unclear", None, 1.0)


@pytest.mark.parametrize(
    ("text", "category", "intent"),
    [
        ("my balance is wrong, my AutoPay is wrong, I want to talk to a real person", "human_requested", "person"),
        ("please connect me with an agent about my budget billing balance", "human_requested", "person"),
        ("what is my balance and also I smell gas", "service_request", "emergency"),
        ("there's a downed wire, and what is budget billing", "service_request", "emergency"),
    ],
)
def test_calls_for_a_person_and_dangers_are_never_missed_for_the_words_around_them(
    text: str, category: str, intent: str
) -> None:
    guess = handbook().brain.classifier.guess(text)
    assert (guess.category, guess.intent, guess.confidence) == (category, intent, 1.0)


@pytest.mark.parametrize("text", ["my internet cable is down", "how do i know if the phone line is down"])  # fmt: skip
def test_what_only_sounds_like_it_is_none(text: str) -> None:
    patterns = handbook().brain.classifier._patterns
    assert any(one.matches.search(text) for one in patterns), "it sounds like it"
    guess = handbook().brain.classifier.guess(text)
    assert (guess.category, guess.intent) not in {("human_requested", "person"), ("service_request", "emergency")}


def test_the_first_pattern_that_matches_decides_unless_it_is_excepted() -> None:
    exception = re.compile("not now", re.IGNORECASE)
    patterns = [
        Pattern("human_requested", "person", re.compile("balance", re.IGNORECASE), exception),
        Pattern("service_request", "lights", re.compile("my", re.IGNORECASE), None),
    ]
    classifier = made(EXAMPLES, patterns)
    assert classifier.guess("What is my BALANCE") == Guess("human_requested", "person", None, 1.0)
    assert classifier.guess("What is my BALANCE, not now") == Guess("service_request", "lights", None, 1.0)
    assert classifier.guess("the balance, NOT NOW").intent == "balance"


def test_only_some_intents_may_be_meant() -> None:
    classifier = made(EXAMPLES, [Pattern("human_requested", "person", re.compile("."), None)])
    text = "what does a street light cost"
    assert classifier.guess(text).intent == "person"
    assert classifier.guess(text, within={"lights"}).intent == "lights"
    assert classifier.guess(text, within=["lights-topic"]).section == "Fees"
    assert classifier.guess(text, within={"gone"}) == Guess("out_of_scope", "unknown", None, 0.0)


def test_confidence_is_the_share_that_is_explained() -> None:
    classifier = made(EXAMPLES)
    whole, half = classifier.guess("street light"), classifier.guess("street light xylophone zeppelin")
    assert whole.confidence == pytest.approx(1.0)
    assert 0 < half.confidence < 0.7
    assert classifier.guess("xylophone zeppelin") == Guess("out_of_scope", "unknown", None, 0.0)


def test_the_same_text_is_always_understood_the_same() -> None:
    texts = ["why is it so high", "light cost", "pay", "help", "what about it", "street"]
    shipped = handbook().brain.classifier
    assert [shipped.guess(text) for text in texts] == [shipped.guess(text) for text in texts]
    assert [made(EXAMPLES).guess(text) for text in texts] == [made(EXAMPLES).guess(text) for text in texts]


def test_typos_are_mended_slang_is_spelled_out_and_digits_are_all_the_same() -> None:
    brain = handbook().brain
    same = brain.classifier.words
    assert same("blance") == same("balance") == same("bal")
    assert same("pmt 12") == same("payment 7000")
    assert same("sign up") == same("enroll")
    assert same("can't") == same("cant") == same("can not") == same("CAN’T")
    assert same("électricité") == same("electricite")
    assert same("time of use") == same("TOU")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text",
    ["balance " * 8_000, "zzzzyx " * 9_000, "é" * 64_000, "x" * 64_000, "?" * 64_000, "talk to " * 1_000])  # fmt: skip
def test_a_huge_message_is_read_in_little_time(text: str) -> None:
    for _ in range(20):
        handbook().brain.classifier.guess(text[:8_000])
    assert len(handbook().brain.classifier._language.stems(text)) <= MOST_WORDS * 4
