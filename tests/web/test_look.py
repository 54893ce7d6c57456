"""What a person sees of a conversation. With BATON_SHOTS=folder, pictures of it are left there."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from playwright.async_api import Browser, expect

from tests.web.chat import SLOW_WORDS, Chat
from tests.web.stage import ANSWER, SLOW, shot, staged, stamp

pytestmark = pytest.mark.browser
PHONE: Final = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
SOUNDS: Final = """window.sounds = 0;
window.AudioContext = class {
  currentTime = 0;
  createGain() { return {gain: {setValueAtTime() {}, exponentialRampToValueAtTime() {}}, connect: (to) => to}; }
  createOscillator() {
    return {frequency: {setValueAtTime() {}}, connect: (to) => to, start: () => { window.sounds += 1; }, stop() {}};
  }
  close() {}
};"""


def talk() -> list[dict[str, Any]]:
    """A conversation of three days: with the bot, then with a person."""
    now = datetime.now(UTC)
    old = (now - timedelta(days=3)).replace(hour=10, minute=0)
    yesterday = (now - timedelta(days=1)).replace(hour=10, minute=0)
    told = [
        (old, "user", None, "Hello, why is my bill so high this month?"),
        (old, "assistant", "Support", ANSWER),
        (yesterday, "user", None, "Yes please."),
        (yesterday + timedelta(minutes=1), "user", None, "It was 60 more than last year."),
        (yesterday + timedelta(minutes=2), "system", None, "Your account is looked at by a person."),
        (yesterday + timedelta(minutes=3), "agent", "Marta", "Hi, I’m Marta. Your billing period was 36 days long."),
        (yesterday + timedelta(minutes=4), "agent", "Marta", "I credit you the difference."),
        (yesterday + timedelta(minutes=20), "agent", "Marta", "It is done."),
        (now, "user", None, "Thank you!"),
    ]
    return [{"role": role, "name": name, "text": text, "at": stamp(at)} for at, role, name, text in told]


async def test_who_says_what_and_when(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        session = await stage.imported(talk())
        for name, settings in (("light", {}), ("dark", {"color_scheme": "dark"}), ("mobile", PHONE)):
            chat = await stage.returning(session, reduced_motion="reduce", **settings)
            await expect(chat.find(".badge")).to_have_text("5")
            await expect(chat.find(".launcher")).to_have_attribute("aria-label", "Chat with us, 5 new messages")
            await chat.open()
            await expect(chat.find(".badge")).to_be_hidden()
            days = await chat.find(".row.day").all_inner_texts()
            assert days[1:] == ["Yesterday", "Today"]
            assert "day, " in days[0]
            who = chat.find(".row.head:not(.user) .who")
            assert [text.replace("\n", " ") for text in await who.all_inner_texts()] == [
                "Support automatic answer", "Notice", "Marta a person", "Marta a person"
            ], "said once for what belongs together"  # fmt: skip
            assert await chat.find(".row time").count() == 7, "and so is the time"
            await expect(chat.find(".row.user .delivery").last).to_have_text("Delivered")
            await shot(chat, name)
            if name == "mobile":
                await expect(chat.find(".launcher")).to_be_hidden()
                box = await chat.find(".panel").bounding_box()
                assert box == {"x": 0, "y": 0, "width": 390, "height": 844}
            assert chat.faults == []
            await chat.page.context.close()


async def test_a_suggestion_leads_to_a_person_and_a_place_in_the_queue(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, {"BATON_AGENT": "support"}) as stage:
        stage.shop.attributes = (
            'label="Support" greeting="Hi there.\nHow can we help?" suggestions="Why is my bill so high? | '
            'I want to talk to a person"'
        )
        chat = await stage.opened(reduced_motion="reduce")
        await expect(chat.find(".greeting")).to_have_text("Hi there.\nHow can we help?")
        await expect(chat.find(".title")).to_have_text("Support")
        assert await chat.find(".suggestion").all_inner_texts() == [
            "Why is my bill so high?", "I want to talk to a person"
        ]  # fmt: skip
        await shot(chat, "greeting")
        await chat.find(".suggestion").last.click()
        await expect(chat.find(".hello")).to_be_hidden()
        await expect(chat.own.locator(".text")).to_have_text("I want to talk to a person")
        await expect(chat.find(".strip")).to_have_text("You are waiting for a person. Your place: 1", timeout=20_000)
        await expect(chat.find(".row.note").filter(has_text="Waiting for a person")).to_be_visible()
        await expect(chat.find(".ask")).to_be_focused()
        await chat.page.evaluate(
            "document.querySelector('baton-chat').session.emit('typing', {role: 'agent', name: 'Marta', active: true})"
        )
        await expect(chat.find(".typist")).to_have_text("Marta is typing")
        await expect(chat.find(".typist")).to_be_in_viewport(ratio=1)
        await shot(chat, "waiting")
        await chat.page.evaluate(
            "document.querySelector('baton-chat').session.emit('typing', {role: 'agent', name: 'Marta', active: false})"
        )
        await expect(chat.find(".typist")).to_be_hidden()
        assert chat.faults == []


async def test_stop_keeps_what_was_written_and_a_lost_connection_is_told_calmly(
    chromium: Browser, redis_url: str
) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        chat = await stage.opened(reduced_motion="reduce")
        await chat.say(ANSWER)
        await expect(chat.find(".row.live .text")).to_contain_text("billing")
        await shot(chat, "streaming")
        await chat.find(".stop").click()
        await expect(chat.find(".row.note")).to_have_text("Stopped")
        await expect(chat.find(".stop")).to_be_hidden()
        text = await chat.answers.locator(".text").inner_text()
        assert "billing" in text
        assert "Shall I look" not in text
        await chat.find(".ask").fill("A question that")
        stage.replica.kill9()
        await expect(chat.notice).to_be_hidden()
        await expect(chat.notice).to_contain_text("Reconnecting…")
        await chat.say("This is written while nobody listens.")
        await expect(chat.find(".row.user.queued .delivery")).to_have_text("Waiting to be sent")
        await shot(chat, "reconnecting")
        await stage.replica.launch()
        await expect(chat.find(".row.user.stored")).to_have_count(2, timeout=30_000)
        await expect(chat.notice).to_be_hidden()
        assert chat.faults == []


async def test_a_conversation_is_ended_and_left_only_when_asked_twice(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        chat = await stage.opened(reduced_motion="reduce")
        menu, question = chat.find(".icon.menu"), chat.find(".question")
        await menu.click()
        await expect(chat.find(".menu-list .end")).to_be_hidden()
        await chat.find(".menu-list .new").click()
        await expect(question).to_be_hidden()
        await chat.ask("What is my balance?")
        first = await chat.session()
        for entry in ("new", "end"):
            await menu.click()
            await chat.find(f".menu-list .{entry}").click()
            await question.get_by_text("Cancel").click()
            await expect(question).to_be_hidden()
        assert await chat.session() == first
        await menu.click()
        await chat.find(".menu-list .end").click()
        await shot(chat, "question")
        await question.locator(".solid").click()
        await expect(chat.find(".over-bar")).to_contain_text("This conversation has ended.")
        await expect(chat.find(".composer")).to_be_hidden()
        await expect(chat.find(".row.note").last).to_have_text("The conversation was ended")
        await shot(chat, "ended")
        await chat.find(".again-new").click()
        await expect(chat.find(".greeting")).to_be_visible()
        await chat.connected()
        assert await chat.session() != first
        await expect(chat.find(".row")).to_have_count(0)
        await chat.ask("And again")
        assert chat.faults == []


async def test_it_is_silent_until_the_person_wants_a_sound(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, SLOW) as stage:
        context = await chromium.new_context()
        await context.add_init_script(SOUNDS)
        chat = await Chat.opened(context, stage.shop.url)
        switch = chat.find(".menu-list .sound")
        for sounds, on in ((0, "false"), (2, "true")):  # switching it on is heard, too
            await chat.ask("read as it comes")
            await chat.say(SLOW_WORDS[:200])
            await chat.find(".launcher").click()
            await expect(chat.find(".badge")).to_be_visible()
            assert await chat.page.evaluate("window.sounds") == sounds, "a tone for what isn't read, if it is on"
            await chat.find(".launcher").click()
            await chat.find(".icon.menu").click()
            await expect(switch).to_have_attribute("aria-checked", on)
            await switch.click()
        assert await chat.page.evaluate("window.sounds") == 2, "switched off, it says nothing"
        assert chat.faults == []
