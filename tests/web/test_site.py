"""What a site says of its chat: words, colours, side, who the customer is and where."""

from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.edge.helpers import IDENTITY_SECRET, assertion
from tests.support.poll import until
from tests.web.chat import Chat
from tests.web.stage import ANSWER, Stage, shot, staged

pytestmark = pytest.mark.browser
IDENTITY: Final = {"BATON_IDENTITY_SECRET": IDENTITY_SECRET}


async def style(chat: Chat, selector: str, name: str) -> str:
    """A computed style inside the chat."""
    return str(await chat.find(selector).first.evaluate(f"(one) => getComputedStyle(one).{name}"))


async def signed_in(stage: Stage, session: str) -> list[str]:
    """Each sign-in and sign-out that was stored."""
    events = (await stage.document(session))["events"]
    return [event["state"]["auth"] for event in events if event["type"] == "state"]


async def test_it_speaks_spanish_and_a_sites_own_words(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        stage.shop.page = 'lang="es-MX"'
        chat = await stage.opened(reduced_motion="reduce")
        await expect(chat.find(".greeting")).to_have_text("¿En qué podemos ayudarte?")
        await expect(chat.find(".ask")).to_have_attribute("placeholder", "Escribe un mensaje")
        await chat.ask("Hola")
        await expect(chat.find(".row.day")).to_have_text("Hoy")
        await expect(chat.find(".row.assistant .kind")).to_have_text("respuesta automática")
        await shot(chat, "spanish")
        await chat.page.evaluate(
            "document.querySelector('baton-chat').words = {assistant: 'Robotina', write: 'Cuéntanos'}"
        )
        await expect(chat.find(".row.assistant .name")).to_have_text("Robotina")
        await expect(chat.find(".ask")).to_have_attribute("placeholder", "Cuéntanos")
        await chat.page.evaluate("document.querySelector('baton-chat').lang = 'en'")
        await expect(chat.find(".row.day")).to_have_text("Today")
        await expect(chat.find(".row.assistant .name")).to_have_text("Robotina")
        await expect(chat.answers).to_have_count(1)
        assert chat.faults == []


async def test_right_to_left_is_mirrored(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        stage.shop.page = 'lang="ar" dir="rtl"'
        chat = await stage.opened(reduced_motion="reduce")
        await chat.ask("لماذا فاتورتي مرتفعة هذا الشهر؟")
        await chat.ask(ANSWER)
        await shot(chat, "rtl")
        width = await chat.page.evaluate("innerWidth")
        launcher, own, answer, send = [
            await found.bounding_box()
            for found in (chat.find(".launcher"), chat.own.first, chat.answers.first, chat.find(".send"))
        ]
        assert launcher
        assert own
        assert answer
        assert send
        assert launcher["x"] < width / 4, "the launcher stands on the left"
        assert own["x"] < answer["x"], "what the person wrote, too"
        assert send["x"] < width / 4
        assert await style(chat, ".row.user .text", "borderBottomLeftRadius") == "6px", "the corner of the bubble"
        directions = await chat.own.locator("p").evaluate_all(
            "(all) => all.map((one) => getComputedStyle(one).direction)"
        )
        assert directions == ["rtl", "ltr"], "each text has its own"
        assert await style(chat, ".ask", "direction") == "rtl", "where nothing is written yet"


async def test_theme_and_colours_are_the_sites(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        dark, light = "rgb(23, 27, 34)", "rgb(255, 255, 255)"
        for scheme, theme, surface in (
            ("light", "", light), ("dark", "", dark), ("light", 'theme="dark"', dark), ("dark", 'theme="light"', light),
        ):  # fmt: skip
            stage.shop.attributes = theme
            chat = await stage.opened(color_scheme=scheme)
            assert await style(chat, ".panel", "backgroundColor") == surface, (scheme, theme)
            await chat.page.context.close()
        chat = await stage.opened()
        await chat.page.evaluate(
            "Object.entries({accent: '#123456', 'on-accent': '#fedcba', radius: '3px', width: '300px'})"
            ".forEach(([name, value]) => document.body.style.setProperty(`--baton-${name}`, value))"
        )
        assert await style(chat, ".launcher", "backgroundColor") == "rgb(18, 52, 86)"
        assert await style(chat, ".launcher", "color") == "rgb(254, 220, 186)"
        assert await style(chat, ".panel", "width") == "300px"
        assert await style(chat, ".panel", "borderTopLeftRadius") == "3px"


async def test_the_site_signs_its_customer_in_once_and_out(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, IDENTITY) as stage:
        stage.shop.attributes = f'identity="{assertion()}"'
        chat = await stage.opened()
        await expect(chat.find(".row.note")).to_have_text("Verified as Ada Example")
        session = await chat.session()
        stage.shop.attributes = f'identity="{assertion()}"'
        for path in ("/other", "/", "/bills"):
            await chat.page.goto(stage.shop.url + path)
            await chat.connected()
            await chat.ask(f"on {path}")
        assert await signed_in(stage, session) == ["authenticated"], "not again on each page"
        await chat.page.evaluate("document.querySelector('baton-chat').removeAttribute('identity')")
        await expect(chat.find(".row.note").last).to_have_text("Signed out")
        await chat.page.evaluate(
            f"document.querySelector('baton-chat').setAttribute('identity', '{assertion(name='Bob')}')"
        )
        await expect(chat.find(".row.note").last).to_have_text("Verified as Bob")
        stage.shop.attributes = 'identity=""'
        await chat.page.goto(stage.shop.url)
        await expect(chat.find(".row.note").last).to_have_text("Signed out")
        assert await signed_in(stage, session) == ["authenticated", "anonymous", "authenticated", "anonymous"]
        assert chat.faults == []


async def test_the_site_is_asked_by_a_function_who_the_customer_is(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url, IDENTITY) as stage:
        chat = await stage.visit()
        await chat.page.evaluate(
            "(token) => { window.asked = 0;"
            " document.querySelector('baton-chat').identity = async () => { window.asked += 1; return token; }; }",
            assertion(),
        )
        await chat.open()
        await expect(chat.find(".row.note")).to_have_text("Verified as Ada Example")
        await chat.ask("hello")
        assert await chat.page.evaluate("window.asked") == 1
        await chat.page.evaluate("document.querySelector('baton-chat').identity = () => null")
        await expect(chat.find(".row.note").last).to_have_text("Signed out")
        await chat.page.evaluate("document.querySelector('baton-chat').identity = 'no.such.token'")
        await expect(chat.find(".notice")).to_contain_text("could not be confirmed")
        assert await signed_in(stage, await chat.session()) == ["authenticated", "anonymous"]


async def test_a_message_says_on_which_page_it_was_written(chromium: Browser, redis_url: str) -> None:
    async with staged(chromium, redis_url) as stage:
        stage.shop.attributes = 'context-product="solar" context-plan="a &amp; b"'
        chat = await stage.opened()
        await chat.ask("on the first page")
        stage.shop.attributes = ""
        await chat.page.goto(f"{stage.shop.url}/other?secret=1#part")
        await chat.connected()
        await chat.ask("on another page")
        session = await chat.session()

        async def contexts() -> list[dict[str, str]]:
            events = (await stage.document(session))["events"]
            return [event.get("context") for event in events if event["type"] == "message" and event["role"] == "user"]

        await until(contexts, what="the messages")
        assert await contexts() == [{"page": "/", "product": "solar", "plan": "a & b"}, {"page": "/other"}]
