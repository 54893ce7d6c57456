/**
 * What stands around the messages: header with menu, place in the queue, greeting, the button to the newest, the end of
 * a conversation. It must never touch the page around the element.
 */

import { button, ICONS, icon, make, say } from './dom.js';
import { Menu } from './menu.js';
import { fill } from './words.js';

/** A typing notice that isn't taken back is taken for stale. */
const TYPING_MS = 6_000;

/** @typedef {import('./panel.js').Panel} Panel */

export class Frame {
  /** @param {HTMLElement} root @param {import('./options.js').Host} host @param {Panel} panel */
  constructor(root, host, panel) {
    const { words } = host;
    this.words = words;
    this.panel = panel;
    this.timer = /** @type {any} */ (null);
    const { session } = panel;
    const menu = new Menu(words.menu, [
      { className: 'new', label: words.new, act: () => panel.restart() },
      { className: 'download', label: words.download, act: () => panel.download(), shown: () => session.transcript.seq > 0 },
      { className: 'sound', label: words.sound, act: () => panel.sound.toggle(), checked: () => panel.sound.on },
      { className: 'end', label: words.end, act: () => panel.end(),
        shown: () => session.transcript.seq > 0 && session.transcript.state?.ended !== true },
    ]);
    this.title = make('h2', { className: 'title', tabIndex: -1 }, host.label);
    const close = host.inline ? null : button('icon close', words.close, host.close, icon(ICONS.close));
    this.strip = make('p', { className: 'strip', role: 'status', hidden: true });
    this.suggestions = make('div', { className: 'suggestions', role: 'group', 'aria-label': words.suggestions }, ...host.suggestions
      .map((text) => button('suggestion', text, () => panel.send(text))));
    this.hello = make('div', { className: 'hello' }, make('p', { className: 'greeting' }, host.greeting), this.suggestions);
    this.older = make('p', { className: 'older', hidden: true }, words.older);
    this.rows = make('div', { className: 'rows' });
    this.typist = make('p', { className: 'typist', hidden: true });
    this.scroller = make('div', { className: 'scroller', tabIndex: 0, role: 'log', 'aria-live': 'off', 'aria-label': words.messages },
      this.hello, this.older, this.rows, this.typist);
    this.latest = button('latest', words.latest, () => panel.list.toEnd(), icon(ICONS.down));
    this.over = make('div', { className: 'over-bar', hidden: true }, make('span', {}, words.ended),
      button('solid again-new', words.new, () => panel.restart()));
    this.composer = panel.composer.node;
    this.aloud = make('div', { className: 'hidden', role: 'status', 'aria-live': 'polite' });
    root.replaceChildren(
      make('header', {}, this.title, menu.node, close), this.strip,
      make('div', { className: 'body' }, this.scroller, this.latest), panel.notice.node, this.composer, this.over, this.aloud,
    );
    this.scroller.addEventListener('scroll', () => panel.scrolled(), { passive: true });
  }

  /** @param {{transcript: import('../sdk/transcript.js').Transcript, empty: boolean, live: boolean, atEnd: boolean}} now */
  draw({ transcript, empty, live, atEnd }) {
    const ended = transcript.state?.ended === true;
    this.hello.hidden = !empty;
    this.suggestions.hidden = !live;
    this.older.hidden = !transcript.more || empty;
    this.latest.hidden = atEnd || empty;
    this.composer.hidden = ended;
    this.over.hidden = !ended;
    const text = this.queue(transcript.state);
    this.strip.hidden = text === '';
    say(this.strip, text);
  }

  /** Where a person goes on; not in the text field of a phone, whose keyboard would cover the rest. */
  focus() {
    if (!this.over.hidden) this.over.querySelector('button')?.focus();
    else if (matchMedia('(hover: hover)').matches) this.panel.composer.focus();
    else this.title.focus();
  }

  /** @param {import('../sdk/protocol.js').StateBody|null} state */
  queue(state) {
    if (state === null || state.ended) return '';
    if (state.handoff === 'active') return this.words.with_agent;
    if (state.handoff !== 'waiting') return '';
    return state.position === null ? this.words.queue_unknown : fill(this.words.queue, { n: state.position });
  }

  /** @param {string|null} name of who types */
  typing(name) {
    clearTimeout(this.timer);
    this.typist.hidden = name === null;
    if (name === null) return;
    say(this.typist, fill(this.words.typing, { name }));
    this.timer = setTimeout(() => this.typing(null), TYPING_MS);
  }

  close() { clearTimeout(this.timer); }
}
