/**
 * The line between messages and composer: how the connection does, what went wrong, and a question before something
 * that can't be undone. It must never alarm: a connection that comes back within a moment isn't mentioned.
 */

import { button, make, say } from './dom.js';

const CALM_MS = 1_500;
const PATIENT_MS = 10_000;
const SHOWN_MS = 8_000;
const BACK_MS = 3_000;

/** @typedef {import('./words.js').Words} Words */

export class Notice {
  /** @param {Words} words @param {() => void} again tries to connect now */
  constructor(words, again) {
    this.words = words;
    this.text = make('span', { role: 'status' });
    this.again = button('link again', words.again, again);
    this.line = make('div', { className: 'line', hidden: true }, this.text, this.again);
    this.question = make('div', { className: 'question', hidden: true, role: 'group' });
    this.node = make('div', { className: 'notice' }, this.question, this.line);
    this.timer = /** @type {any} */ (null);
    this.passing = '';
    this.status = /** @type {import('../sdk/connection.js').Status|null} */ (null);
    this.since = /** @type {number|null} when the connection was lost */ (null);
  }

  /** @param {import('../sdk/connection.js').Status} status */
  connection(status) {
    this.status = status;
    const lost = status.phase === 'offline' || (status.phase === 'connecting' && status.code !== null);
    const back = status.phase === 'live' && this.since !== null && Date.now() - this.since >= CALM_MS;
    this.since = lost ? this.since ?? Date.now() : null;
    if (back && this.passing === '') return this.say(this.words.online, BACK_MS);
    this.draw();
  }

  /** A sentence that goes away by itself. @param {string} text @param {number} [ms] */
  say(text, ms = SHOWN_MS) {
    this.passing = text;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.passing = ''; this.draw(); }, ms);
    this.draw();
  }

  draw() {
    const { words, since } = this;
    const stopped = this.status?.phase === 'stopped';
    const lasts = since === null ? 0 : Math.abs(Date.now() - since);
    let text = this.passing;
    if (stopped) text = words.stopped;
    else if (since !== null && lasts >= CALM_MS) text = lasts < PATIENT_MS ? words.reconnecting : words.offline;
    this.line.hidden = text === '';
    this.again.hidden = !stopped && !(since !== null && lasts >= PATIENT_MS);
    say(this.text, text);
    if (since === null || lasts >= PATIENT_MS || this.passing !== '') return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.draw(), (lasts < CALM_MS ? CALM_MS : PATIENT_MS) - lasts);
  }

  /** @param {string} text @param {string} yes @param {() => void} act @param {() => void} after where the focus goes */
  ask(text, yes, act, after) {
    const close = () => {
      this.question.hidden = true;
      this.question.replaceChildren();
      after();
    };
    const agreed = button('solid', yes, () => { close(); act(); });
    this.question.replaceChildren(make('span', {}, text), agreed, button('link', this.words.cancel, close));
    this.question.ariaLabel = text;
    this.question.hidden = false;
    this.question.onkeydown = (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      close();
    };
    agreed.focus();
  }

  close() { clearTimeout(this.timer); }
}
