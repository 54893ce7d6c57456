"""Whatever is written is text: on the person's side as it is, on the other with a little form, and in its own row."""

from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.web.chat import Chat
from tests.web.stage import staged

pytestmark = pytest.mark.browser
RTL_OVERRIDE: Final = "\N{RIGHT-TO-LEFT OVERRIDE}"
POP_ISOLATE: Final = "\N{POP DIRECTIONAL ISOLATE}"
FAMILY: Final = "👩‍👩‍👧‍👦"
ZALGO: Final = "Z" + "\N{COMBINING ACUTE ACCENT}\N{COMBINING TILDE OVERLAY}" * 60 + "algo"

HTML: Final = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script><style>*{display:none}</style>",
    "<a href=javascript:alert(1)>x</a> &lt;b&gt; <!-- -->",
    "</textarea></p><svg onload=alert(1)>",
]
NO_LINKS: Final = [
    "[click](javascript:document.title='owned')", "[click](JaVaScRiPt:alert(1))", "[click](data:text/html,<script>)",
    "[click](vbscript:x)", "[click](//evil.example)", "[click](/path)", "javascript:alert(1)", "[x]( https://a.example)",
]  # fmt: skip
AFTER_LINK: Final = """(row) => {
  const link = row.querySelector('a');
  const range = document.createRange();
  range.selectNodeContents(link.nextSibling);
  return [link.getBoundingClientRect().right, range.getBoundingClientRect().left];
}"""
WIDTHS: Final = """() => {
  const box = document.querySelector('baton-chat').shadowRoot.querySelector('.scroller');
  return [box.scrollWidth, box.clientWidth];
}"""


async def both_sides(chat: Chat, text: str) -> tuple[str, str]:
    """Say it; what stands in the person's row, and in the answer's."""
    before = await chat.answers.count()
    await chat.say(text)
    await expect(chat.answers).to_have_count(before + 1, timeout=20_000)
    return await chat.own.last.locator(".text").inner_text(), await chat.answers.last.locator(".text").inner_text()


async def test_no_text_becomes_an_element_that_it_names(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened()
        for text in HTML:
            assert await both_sides(chat, text) == (text, text)
        for text in NO_LINKS:
            own, answer = await both_sides(chat, text)
            assert own == text
            assert await chat.answers.last.locator("a:not([href^='https://a.example'])").count() == 0, text
            assert "click" in answer or answer == text
        assert await chat.find(".rows :is(img, script, style, svg:not([aria-hidden]), textarea, iframe)").count() == 0
        assert await chat.page.title() == "A shop"
        assert chat.faults == []


async def test_a_little_form_is_shown_on_the_answers_side_alone(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened()
        written = "**b** `c` [text](https://evil.example/x?y=1)\n\n- a\n  - b\n\n7. c\n\n```\n**raw**\n```"
        written += "\n\n| a | b |\n|---|---|"
        own, _ = await both_sides(chat, written)
        assert own == written
        assert await chat.own.last.locator(":is(strong, code, a, li, pre)").count() == 0
        answer = chat.answers.last
        for selector, texts in {
            "strong": ["b"], "p code": ["c"], "ul li": ["a", "b"], "ol li": ["c"], "pre": ["**raw**"], "a": ["text"],
        }.items():  # fmt: skip
            assert await answer.locator(selector).all_inner_texts() == texts, selector
        assert await answer.locator("ol").get_attribute("start") == "7"
        await expect(answer.locator("p").last).to_have_text("| a | b |\n|---|---|")
        link = answer.locator("a")
        for name, value in {
            "href": "https://evil.example/x?y=1", "title": "https://evil.example/x?y=1", "target": "_blank",
            "rel": "noopener noreferrer nofollow",
        }.items():  # fmt: skip
            await expect(link).to_have_attribute(name, value)
        assert chat.faults == []


async def test_a_change_of_direction_stays_where_it_was_written(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        name = f"{RTL_OVERRIDE}Marta{POP_ISOLATE}"
        session = await stage.imported([
            {"role": "agent", "name": name, "text": f"one {RTL_OVERRIDE} two {POP_ISOLATE}{RTL_OVERRIDE}"},
            {"role": "assistant", "name": "Bot", "text": f"[{RTL_OVERRIDE}gnp.exe](https://evil.example) after it"},
            {"role": "user", "text": f"mine {RTL_OVERRIDE} too"},
        ])  # fmt: skip
        chat = await stage.returning(session, reduced_motion="reduce")
        await chat.open()
        await chat.ask("a quiet one")
        rows = chat.find(".row.agent, .row.assistant")
        left = [await rows.nth(n).locator(".text").bounding_box() for n in range(3)]
        assert len({round(box["x"]) for box in left if box}) == 1, "the rows of that side begin where the others do"
        assert all(left)
        who = chat.find(".row.agent .who")
        said, hint = await who.locator(".name").bounding_box(), await who.locator(".kind").bounding_box()
        assert said
        assert hint
        assert said["x"] + said["width"] <= hint["x"] + 1, "the name can't move what is said of it"
        link_end, text_start = await chat.find(".row.assistant").first.evaluate(AFTER_LINK)
        assert link_end <= text_start + 1, "the label can't swallow what follows it"
        times = await chat.find(".row.user .meta").all()
        edges = [box["x"] + box["width"] for one in times if (box := await one.bounding_box())]
        assert max(edges) - min(edges) < 1
        assert chat.faults == []


async def test_no_length_breaks_the_page_and_the_last_character_counts(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened()
        ask = chat.find(".ask")
        for unit in ("x", FAMILY[0]):
            await ask.fill(unit * 8001)
            await expect(chat.find(".length")).to_have_text("8001 of 8000 characters")
            await expect(ask).to_have_attribute("aria-invalid", "true")
            await expect(chat.find(".send")).to_be_disabled()
            await ask.press("Enter")
            assert await ask.input_value() == unit * 8001, "nothing was sent, nothing was lost"
            assert await both_sides(chat, unit * 8000) == (unit * 8000, unit * 8000)
            await expect(chat.find(".length")).to_be_hidden()
        await expect(chat.own).to_have_count(2)
        for piece in ("**a", "[a](https://", "- "):
            own, _ = await both_sides(chat, "x" + piece * (7_900 // len(piece)))
            assert own.startswith("x" + piece.rstrip())
        wide, there_is = await chat.page.evaluate(WIDTHS)
        assert wide <= there_is, "nothing makes the list scroll sideways"
        assert chat.faults == []


async def test_every_sign_arrives_or_is_refused_in_plain_words(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened()
        signs = f"{FAMILY} 🏳️‍🌈 e\N{COMBINING ACUTE ACCENT} ก็็็็ \N{ZERO WIDTH SPACE}. שלום مرحبا {ZALGO}"
        assert await both_sides(chat, signs) == (signs, signs)
        for row in (chat.own.last, chat.answers.last):
            assert await row.evaluate("(one) => getComputedStyle(one).contain") in {"content", "layout paint style"}, (
                "marks above and below are cut at the row"
            )
        for n, control in enumerate("\x01\x07\x1b\x7f\x85"):
            await chat.say(f"a{control}b")
            await expect(chat.find(".row.failed .delivery")).to_have_text(["This text can’t be sent."] * (n + 1))
        await expect(chat.answers).to_have_count(1)
        assert chat.faults == []
