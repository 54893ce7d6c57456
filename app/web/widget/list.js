/**
 * Rows to elements: a keyed list that touches only what changed and keeps its place while people read. Text is put in
 * as text; it must never be parsed as HTML, whoever wrote it.
 */

import { eventRows, liveRows, pendingRows } from './rows.js';

/** @typedef {import('./rows.js').Row} Row */
/** @typedef {{retry: (id: string) => void, discard: (id: string) => void}} Actions */

const DELIVERY = {
  queued: 'Waiting to be sent', sent: 'Sending', acked: 'Stored', failed: 'Not sent', stored: 'Delivered',
};
const STICK_PX = 96;

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {string} [className] @param {string} [text]
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, className = '', text = '') {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

export class MessageList {
  /** @param {HTMLElement} scroller that holds `list` @param {HTMLElement} list @param {Actions} actions */
  constructor(scroller, list, actions) {
    this.scroller = scroller;
    this.list = list;
    this.actions = actions;
    /** @type {Map<string, {row: Row, node: HTMLElement}>} */
    this.shown = new Map();
    this.stored = { events: /** @type {readonly any[]} */ ([]), rows: /** @type {Row[]} */ ([]) };
  }

  /** The newest row is in view, or nearly. */
  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < STICK_PX;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** @param {import('../sdk/session.js').Session} session @returns {number} rows shown */
  render({ transcript, pending }) {
    const { events } = transcript;
    if (events !== this.stored.events) this.stored = { events, rows: eventRows(events) };
    const rows = [...this.stored.rows, ...liveRows(transcript), ...pendingRows(pending)];
    const stick = this.atEnd;
    const { scrollHeight, scrollTop } = this.scroller;
    const older = this.list.firstElementChild !== this.place(rows);
    if (stick) this.toEnd();
    else if (older) this.scroller.scrollTop = scrollTop + this.scroller.scrollHeight - scrollHeight;
    return rows.length;
  }

  /** @param {Row[]} rows @returns {Element|null} what was first before */
  place(rows) {
    const first = this.list.firstElementChild;
    const keys = new Set(rows.map(({ key }) => key));
    for (const [key, { node }] of this.shown) {
      if (keys.has(key)) continue;
      node.remove();
      this.shown.delete(key);
    }
    let at = this.list.firstElementChild;
    for (const row of rows) {
      const node = this.node(row);
      if (node === at) at = node.nextElementSibling;
      else this.list.insertBefore(node, at);
    }
    return first;
  }

  /** @param {Row} row @returns {HTMLElement} */
  node(row) {
    const known = this.shown.get(row.key);
    if (known && same(known.row, row)) return known.node;
    const node = known?.node ?? element('li');
    if (!known) node.append(element('div', 'text'), element('div', 'meta'));
    node.className = ['row', row.role, row.live ? 'live' : '', row.delivery ?? ''].filter(Boolean).join(' ');
    node.setAttribute('aria-busy', String(row.live));
    const [text, meta] = /** @type {[HTMLElement, HTMLElement]} */ (/** @type {unknown} */ (node.children));
    if (text.textContent !== row.text) text.textContent = row.text;
    text.classList.toggle('waiting', row.live && row.text === '');
    if (!row.live || !known) meta.replaceChildren(...this.meta(row));
    this.shown.set(row.key, { row, node });
    return node;
  }

  /** @param {Row} row @returns {HTMLElement[]} */
  meta(row) {
    const { id, delivery } = row;
    if (row.role === 'note') return [];
    const parts = row.name ? [element('span', 'name', row.name)] : [];
    if (row.at !== null) parts.push(element('time', '', clock(row.at)));
    if (delivery !== null) parts.push(element('span', 'delivery', row.hint ?? DELIVERY[delivery]));
    if (delivery === 'failed' && id !== null) {
      parts.push(button('Send again', () => this.actions.retry(id)), button('Remove', () => this.actions.discard(id)));
    }
    return parts;
  }
}

/** @param {Row} a @param {Row} b */
function same(a, b) {
  return a.text === b.text && a.live === b.live && a.delivery === b.delivery && a.hint === b.hint && a.role === b.role;
}

/** @param {number} at ms since 1970 */
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });

/** @param {string} label @param {() => void} act */
function button(label, act) {
  const made = element('button', 'link', label);
  made.type = 'button';
  made.addEventListener('click', act);
  return made;
}
