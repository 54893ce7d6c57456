"""What a person saw over time: a page that was wrong for a moment only is right again when a test looks.

It must never change what it watches.
"""

from itertools import pairwise

from tests.web.chat import Chat

_ANSWER = """() => {
  window.shown = [];
  const box = document.querySelector('baton-chat').shadowRoot.querySelector('.rows');
  const note = () => {
    const rows = [...box.querySelectorAll('.row.assistant')];
    const text = rows.at(-1)?.querySelector('.text').textContent ?? '';
    if (rows.length === 0 && window.shown.length === 0) return;
    if (window.shown.at(-1)?.text !== text || window.shown.at(-1)?.rows !== rows.length) {
      window.shown.push({text, rows: rows.length});
    }
  };
  new MutationObserver(note).observe(box, {childList: true, subtree: true, characterData: true});
}"""

_NOTICE = """() => {
  const { session, shadowRoot } = document.querySelector('baton-chat');
  const line = shadowRoot.querySelector('.notice .line');
  window.said = [];
  window.lost = null;
  session.on('offline', () => { window.lost ??= Date.now(); });
  const note = () => {
    const text = line.hidden ? '' : line.querySelector('span').textContent;
    if ((window.said.at(-1)?.text ?? '') !== text) window.said.push({text, after: Date.now() - window.lost});
  };
  new MutationObserver(note).observe(line, {attributes: true, childList: true, subtree: true, characterData: true});
}"""


class AnswerWatch:
    """The answer of an empty conversation, at each moment."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat

    @classmethod
    async def of(cls, chat: Chat) -> "AnswerWatch":
        """Begin, before there is an answer."""
        await chat.page.evaluate(_ANSWER)
        return cls(chat)

    async def only_grew_to(self, text: str, steps: int) -> None:
        """It came bit by bit, in at least so many `steps`, and never showed anything that had to be taken back."""
        seen = await self.chat.page.evaluate("window.shown")
        shown = [step["text"] for step in seen]
        assert len(shown) >= steps, f"it was seen to grow: {len(shown)}"
        assert shown[-1] == text
        assert all(text.startswith(part) for part in shown), "nothing twice, nothing else"
        assert all(later.startswith(earlier) for earlier, later in pairwise(shown)), "it never went back"
        assert {step["rows"] for step in seen} == {1}, "and was one answer all the time"


class NoticeWatch:
    """The sentences about the connection, each with the ms since the connection was lost."""

    def __init__(self, chat: Chat) -> None:
        self.chat = chat

    @classmethod
    async def of(cls, chat: Chat) -> "NoticeWatch":
        """Begin, while the chat is connected."""
        await chat.page.evaluate(_NOTICE)
        return cls(chat)

    async def said(self) -> list[str]:
        """All of them, in order; empty: the line went away."""
        return [step["text"] for step in await self.chat.page.evaluate("window.said")]

    async def first_after_ms(self) -> float:
        """How long nothing was said."""
        return float(await self.chat.page.evaluate("window.said[0].after"))


HELD = """(() => {
  const [listeners, timers, sockets] = [[], new Set(), []];
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const { setTimeout, clearTimeout, WebSocket } = window;
  const global = (target) => target === undefined || target === window || target === document;
  const find = (name, fn) => listeners.findIndex((one) => one.name === name && one.fn === fn);
  EventTarget.prototype.addEventListener = function (name, fn, ...rest) {
    if (global(this) && find(name, fn) < 0) listeners.push({name, fn});
    return addEventListener.call(this ?? window, name, fn, ...rest);
  };
  EventTarget.prototype.removeEventListener = function (name, fn, ...rest) {
    if (global(this) && find(name, fn) >= 0) listeners.splice(find(name, fn), 1);
    return removeEventListener.call(this ?? window, name, fn, ...rest);
  };
  window.setTimeout = (fn, ms, ...rest) => {
    const timer = setTimeout(() => { timers.delete(timer); fn(...rest); }, ms);
    timers.add(timer);
    return timer;
  };
  window.clearTimeout = (timer) => { timers.delete(timer); clearTimeout(timer); };
  window.WebSocket = class extends WebSocket {
    constructor(...given) { super(...given); sockets.push(new WeakRef(this)); }
  };
  window.held = () => ({
    listeners: listeners.length,
    timers: timers.size,
    sockets: sockets.filter((one) => (one.deref()?.readyState ?? 3) < 3).length,
  });
})()"""
"""An init script: `held()` says what the page holds on to: listeners of window and document, timers, open sockets."""
