/**
 * Where the person writes. What is written and not sent yet survives a change of page; it must never be sent by
 * anything but the person.
 */

import { button, ICONS, icon, make, say } from './dom.js';
import { fill } from './words.js';

const TYPING_EVERY_MS = 3_000;
const MOST_PX = 160;
/** From so much of the limit on, the length is shown. */
const NEAR = 0.9;

/**
 * @typedef {object} Act
 * @property {(text: string) => void} send throws a `RangeError` when too much waits already
 * @property {(sentence: string) => void} refused
 * @property {() => void} stop
 * @property {(active: boolean) => void} typing
 */

export class Composer {
  /**
   * @param {import('./words.js').Words} words
   * @param {Act} act
   * @param {import('../sdk/storage.js').SafeStorage} kept of this tab
   */
  constructor(words, act, kept) {
    this.words = words;
    this.act = act;
    this.kept = kept;
    this.most = 8000;
    this.secret = false;
    this.typed = -Infinity;
    this.ask = make('textarea', {
      className: 'ask', rows: 1, placeholder: words.write, enterKeyHint: 'send', autocomplete: 'off', dir: 'auto',
      'aria-label': words.message, 'aria-describedby': 'length', value: kept.get('draft') ?? '',
    });
    this.length = make('span', { className: 'length', id: 'length' });
    this.stop = button('stop', words.stop, act.stop, make('span'));
    this.go = make('button', { type: 'submit', className: 'send', title: words.send, 'aria-label': words.send }, icon(ICONS.send));
    this.node = make('form', { className: 'composer' }, this.ask, this.length, this.stop, this.go);
    this.node.addEventListener('submit', (event) => { event.preventDefault(); this.submit(); });
    this.ask.addEventListener('input', () => this.written());
    this.ask.addEventListener('blur', () => this.rest());
    this.ask.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    this.update({ running: false, most: this.most, secret: false });
  }

  get text() { return this.ask.value; }
  get size() { return [...this.ask.value].length; }

  /** @param {{running: boolean, most: number, secret: boolean}} now an answer is being written; a secret is asked for */
  update({ running, most, secret }) {
    Object.assign(this, { most, secret });
    this.stop.hidden = !running;
    this.judge();
  }

  focus() { this.ask.focus({ preventScroll: true }); }

  written() {
    if (this.secret) this.kept.remove('draft');
    else this.kept.set('draft', this.text);
    this.judge();
    this.fit();
    const now = Date.now();
    if (now - this.typed < TYPING_EVERY_MS) return;
    this.typed = now;
    this.act.typing(true);
  }

  judge() {
    const { size, most } = this;
    this.go.disabled = this.text.trim() === '' || size > most;
    this.length.classList.toggle('over', size > most);
    this.ask.ariaInvalid = String(size > most);
    say(this.length, size > most * NEAR ? fill(this.words.length, { n: size, most }) : '');
  }

  fit() {
    this.ask.style.height = 'auto';
    this.ask.style.height = `${Math.min(this.ask.scrollHeight, MOST_PX)}px`;
  }

  submit() {
    if (this.go.disabled) return;
    try {
      this.act.send(this.text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.act.refused(error.message);
    }
    this.ask.value = '';
    this.kept.remove('draft');
    this.fit();
    this.judge();
    this.rest();
  }

  /** No longer typing. */
  rest() {
    if (this.typed === -Infinity) return;
    this.typed = -Infinity;
    this.act.typing(false);
  }
}
