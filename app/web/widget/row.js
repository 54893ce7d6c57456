/**
 * One row as an element. The element of a row lives as long as its key, so that an answer keeps its place and a
 * selection its text. It must never show a person's words as anything but text.
 */

import { button, ICONS, icon, make, say } from './dom.js';
import { show } from './rich.js';

/** @typedef {import('./rows.js').Row} Row */
/** @typedef {import('./words.js').Words} Words */
/** @typedef {{retry: (id: string) => void, discard: (id: string) => void}} Actions */

export class RowView {
  /** @param {Words} words @param {string} lang @param {Actions} actions */
  constructor(words, lang, actions) {
    this.words = words;
    this.actions = actions;
    this.clock = new Intl.DateTimeFormat(lang, { hour: 'numeric', minute: '2-digit' });
    this.day = new Intl.DateTimeFormat(lang, { weekday: 'long', day: 'numeric', month: 'long' });
  }

  /** @param {Row} row @returns {HTMLElement} */
  create(row) {
    const node = make('li');
    if (row.role !== 'note' && row.role !== 'day') {
      node.append(make('div', { className: 'who' }), make('div', { className: 'text' }), make('div', { className: 'meta' }));
    }
    this.update(node, row, null);
    return node;
  }

  /** @param {HTMLElement} node @param {Row} row @param {Row|null} before */
  update(node, row, before) {
    const name = ['row', row.role, row.live && 'live', row.delivery, row.head && 'head', row.tail && 'tail'].filter(Boolean).join(' ');
    if (node.className !== name) node.className = name;
    if (row.role === 'day') return say(node, row.at === null ? '' : this.dayOf(row.at));
    if (row.role === 'note') return say(node, row.text);
    const [who, text, meta] = /** @type {[HTMLElement, HTMLElement, HTMLElement]} */ (/** @type {unknown} */ (node.children));
    node.ariaBusy = row.live ? 'true' : null;
    if (before === null || before.name !== row.name || before.head !== row.head) who.replaceChildren(...this.who(row));
    if (before?.text !== row.text) this.text(text, row);
    text.classList.toggle('waiting', row.live && row.text === '');
    if (before === null || changed(before, row)) meta.replaceChildren(...this.meta(row));
  }

  /** @param {HTMLElement} node @param {Row} row */
  text(node, row) {
    if (row.role !== 'user') return show(node, row.text);
    if (node.firstElementChild === null) node.append(make('p', { dir: 'auto' }));
    return say(node.firstElementChild ?? node, row.text);
  }

  /** Who speaks: always said, also where only a screen reader needs it. @param {Row} row @returns {Node[]} */
  who({ role, name, head }) {
    if (role === 'note' || role === 'day') return [];
    const label = make('span', { className: head && role !== 'user' ? 'name' : 'hidden' }, name ?? (role === 'user' ? this.words.you : this.words[role]));
    if (role === 'user' || role === 'system' || !head) return [label];
    const hint = make('span', { className: 'kind' }, this.words[`${role}_hint`]);
    return [icon(role === 'agent' ? ICONS.person : ICONS.spark), label, hint];
  }

  /** @param {Row} row @returns {HTMLElement[]} */
  meta({ id, at, delivery, hint, live, tail }) {
    if (live) return [];
    const { words } = this;
    const parts = [];
    if (at !== null && tail) parts.push(make('time', { dateTime: new Date(at).toISOString() }, this.clock.format(at)));
    if (delivery !== null) parts.push(make('span', { className: 'delivery' }, hint ?? words[delivery]));
    if (delivery === 'failed' && id !== null) {
      parts.push(button('link', words.retry, () => this.actions.retry(id)));
      parts.push(button('link', words.discard, () => this.actions.discard(id)));
    }
    return parts;
  }

  /** @param {number} at */
  dayOf(at) {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
    if (days === 0) return this.words.today;
    return days === 1 ? this.words.yesterday : this.day.format(at);
  }
}

/** @param {Row} a @param {Row} b */
const changed = (a, b) => (
  a.delivery !== b.delivery || a.hint !== b.hint || a.live !== b.live || a.at !== b.at || a.tail !== b.tail
);

/** @param {Row} a @param {Row} b @returns {boolean} they look the same */
export const same = (a, b) => (
  a.text === b.text && a.role === b.role && a.name === b.name && a.head === b.head && !changed(a, b)
);
