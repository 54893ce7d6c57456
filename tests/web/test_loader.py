"""`widget.js` on somebody's page, while the chat server is away, comes back, or is of two versions at once.

Nothing of the widget is loaded: what stands in for it says that it ran. It must never leave the browser for an answer.
"""

from pathlib import Path

import pytest

from tests.support.poll import until

pytest.importorskip("playwright.async_api", reason="the browser tests need playwright")
from playwright.async_api import Browser, Page, Route

pytestmark = pytest.mark.browser
LOADER = (Path(__file__).resolve().parents[2] / "app" / "web" / "widget.js").read_text("utf-8")
SHOP, CHAT = "http://shop.test/", "http://chat.test/below"
ELEMENT = "customElements.define('baton-chat', class extends HTMLElement {}); window.loaded = import.meta.url;"
WATCH = """
  window.waiting = 0;
  const { setTimeout: start, clearTimeout: stop, addEventListener: on, removeEventListener: off } = window;
  const live = new Set();
  window.setTimeout = (run, ms) => {
    const timer = start(() => { live.delete(timer); run(); }, window.patient ? ms : 1e9);
    live.add(timer);
    return timer;
  };
  window.clearTimeout = (timer) => { live.delete(timer); stop(timer); };
  window.addEventListener = (name, ...rest) => { window.waiting += name === 'online'; on(name, ...rest); };
  window.removeEventListener = (name, ...rest) => { window.waiting -= name === 'online'; off(name, ...rest); };
  window.timers = () => live.size;
"""


class Site:
    """A page and the chat server that it names.

    `away`: nobody answers for what begins so. `together`: how many widgets must be asked for before one comes.
    """

    def __init__(self, page: Page, scripts: list[str]) -> None:
        self.page, self.scripts = page, scripts
        self.away: tuple[str, ...] = ()
        self.together = 1
        self.asked: list[str] = []
        self.warnings: list[str] = []
        self.faults: list[str] = []
        self.versions = {"": "v1"}
        page.on("console", lambda said: self.warnings.append(said.text) if said.type == "warning" else None)
        page.on("pageerror", lambda fault: self.faults.append(str(fault)))

    async def open(self, *, patient: bool = False) -> None:
        """Load the page; unless it is `patient`, nothing but `online` ends a wait."""
        await self.page.add_init_script(f"{WATCH} window.patient = {int(patient)};")
        await self.page.route("**/*", self.answer)
        await self.page.goto(SHOP)

    async def answer(self, route: Route) -> None:
        """What the page, or the chat server, says."""
        url = route.request.url
        if url == SHOP:
            tags = "".join(f'<script type="module" src="{CHAT}/{script}"></script>' for script in self.scripts)
            await route.fulfill(body=f"<!doctype html><title>A shop</title>{tags}", content_type="text/html")
            return
        path = url.removeprefix(f"{CHAT}/")
        self.asked.append(path)
        if path.startswith(self.away or "-"):
            await route.abort()
            return
        if path.startswith("static/"):
            await until(lambda: len([path for path in self.asked if path.startswith("static/")]) >= self.together)
        query = path.partition("?")[2]
        script = LOADER.replace("{{version}}", self.versions.get(query, "v1"))
        body = script if path.startswith("widget.js") else ELEMENT
        await route.fulfill(body=body, content_type="text/javascript", headers={"access-control-allow-origin": "*"})

    async def waits(self, tries: int) -> None:
        """Until so many tries failed, and the loader waits with one timer and one listener."""
        await until(lambda: len(self.asked) >= tries, what=f"try {tries}: {self.asked}")
        await self.page.wait_for_function("timers() === 1 && waiting === 1")

    async def loaded(self) -> str:
        """The address of the widget that ran, and nothing waits any more."""
        await self.page.wait_for_function("window.loaded && timers() === 0 && waiting === 0")
        return str(await self.page.evaluate("loaded")).removeprefix(f"{CHAT}/")


async def online(site: Site) -> None:
    await site.page.evaluate("dispatchEvent(new Event('online'))")


async def test_it_tries_again_under_new_addresses_until_the_server_is_back(chromium: Browser) -> None:
    site = Site(await chromium.new_page(), ["widget.js"])
    site.away = ("static/", "widget.js?retry=1", "widget.js?retry=2")
    await site.open()
    await site.waits(2)
    for tries in (3, 4):
        await online(site)
        await site.waits(tries)
    site.away = ()
    await online(site)
    assert await site.loaded() == "static/v1.3/widget/element.js"
    assert site.asked == [
        "widget.js", "static/v1/widget/element.js", "widget.js?retry=1", "widget.js?retry=2", "widget.js?retry=3",
        "static/v1.3/widget/element.js",
    ]  # fmt: skip
    assert len(site.warnings) == 1
    assert "can't load from http://chat.test" in site.warnings[0]
    assert site.faults == []


async def test_it_tries_again_by_itself_and_takes_the_version_of_the_moment(chromium: Browser) -> None:
    site = Site(await chromium.new_page(), ["widget.js"])
    site.away = ("static/v1",)
    site.versions["retry=1"] = "v2"
    await site.open(patient=True)
    assert await site.loaded() == "static/v2.1/widget/element.js"


async def test_it_never_has_two_timers_whatever_happens(chromium: Browser) -> None:
    site = Site(await chromium.new_page(), ["widget.js"])
    site.away = ("static/",)
    await site.open()
    await site.waits(2)
    for tries in range(1, 6):
        await site.page.evaluate("for (let n = 0; n < 5; n += 1) dispatchEvent(new Event('online'))")
        await site.waits(2 + 2 * tries)
    assert len(site.asked) == len(set(site.asked)) == 12


@pytest.mark.parametrize("scripts", [["widget.js"] * 2, ["widget.js", "widget.js?again"]])
async def test_a_site_may_include_it_twice(chromium: Browser, scripts: list[str]) -> None:
    site = Site(await chromium.new_page(), scripts)
    site.versions["later"] = "v2"
    await site.open()
    assert await site.loaded() == "static/v1/widget/element.js"
    await site.page.evaluate(
        f"""new Promise((done) => document.head.append(Object.assign(document.createElement('script'),
        {{ type: 'module', src: '{CHAT}/widget.js?later', onload: done }})))"""
    )
    assert await site.loaded() == "static/v1/widget/element.js"
    assert [path for path in site.asked if path.startswith("static")] == ["static/v1/widget/element.js"]
    assert (site.faults, site.warnings) == ([], [])


async def test_two_versions_on_one_page_are_one_widget(chromium: Browser) -> None:
    site = Site(await chromium.new_page(), ["widget.js", "widget.js?other"])
    site.versions["other"], site.together = "v2", 2
    await site.open()
    await site.loaded()
    await site.page.wait_for_load_state("networkidle")
    await site.loaded()
    assert {"static/v1/widget/element.js", "static/v2/widget/element.js"} < set(site.asked)
    assert (site.faults, site.warnings) == ([], [])
