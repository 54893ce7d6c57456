/**
 * Rows to elements: a keyed list that touches only what changed and keeps its place while people read. It must never
 * move what a person is reading: what comes in above pushes nothing down, what grows below pulls nothing up.
 */

import { same } from './row.js';
import { arranged, eventRows, liveRows, pendingRows } from './rows.js';

/** @typedef {import('./rows.js').Row} Row */

const STICK_PX = 80;

export class MessageList {
  /**
   * @param {HTMLElement} scroller that holds `list`
   * @param {HTMLElement} list
   * @param {import('./row.js').RowView} view
   */
  constructor(scroller, list, view) {
    this.scroller = scroller;
    this.list = list;
    this.view = view;
    /** @type {Map<string, {row: Row, node: HTMLElement}>} */
    this.shown = new Map();
    this.stored = { events: /** @type {readonly any[]|null} */ (null), rows: /** @type {Row[]} */ ([]) };
    this.stick = true;
    this.top = 0;
    // What was only estimated while it was out of view grows when it comes into it.
    this.sizes = new ResizeObserver(() => { if (this.stick) this.toEnd(); });
    this.sizes.observe(list);
    this.sizes.observe(scroller);
  }

  /** The newest row is in view, or nearly. */
  get atEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < STICK_PX;
  }

  toEnd() {
    this.stick = true;
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Whether the list follows what is new: not once a person went up. */
  scrolled() {
    const { scrollTop } = this.scroller;
    if (this.atEnd) this.stick = true;
    else if (scrollTop < this.top) this.stick = false;
    this.top = scrollTop;
  }

  /** @param {import('../sdk/session.js').Session} session @returns {number} rows shown */
  render({ transcript, pending }) {
    const { words } = this.view;
    const { events } = transcript;
    const fresh = events !== this.stored.events;
    if (fresh) this.stored = { events, rows: arranged(eventRows(events, words)) };
    const { rows } = this.stored;
    const tail = arranged([...liveRows(transcript), ...pendingRows(pending, words)], rows.at(-1) ?? null);
    const anchor = this.stick ? null : this.anchor();
    this.place(fresh ? [...rows, ...tail] : tail, fresh ? null : rows.at(-1)?.key ?? null);
    if (this.stick) this.toEnd();
    else anchor?.();
    return rows.length + tail.length;
  }

  /** @returns {() => void} puts what is at the top of the view back to where it was */
  anchor() {
    const { top } = this.scroller.getBoundingClientRect();
    const rows = this.list.children;
    let [from, to] = [0, rows.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((rows[middle]?.getBoundingClientRect().bottom ?? 0) > top) to = middle;
      else from = middle + 1;
    }
    const first = rows[from];
    if (first === undefined) return () => {};
    const before = first.getBoundingClientRect().top;
    return () => { if (first.isConnected) this.scroller.scrollTop += first.getBoundingClientRect().top - before; };
  }

  /** @param {Row[]} rows in order @param {string|null} after the key of the row that these follow; null: they are all */
  place(rows, after) {
    const last = after === null ? null : this.shown.get(after)?.node ?? null;
    let at = last === null ? this.list.firstElementChild : last.nextElementSibling;
    const keys = new Set(rows.map(({ key }) => key));
    for (let old = at; old !== null;) {
      const next = old.nextElementSibling;
      const key = /** @type {HTMLElement} */ (old).dataset.key ?? '';
      if (!keys.has(key)) {
        if (old === at) at = next;
        old.remove();
        this.shown.delete(key);
      }
      old = next;
    }
    for (const row of rows) {
      const node = this.node(row);
      if (node === at) at = node.nextElementSibling;
      else this.list.insertBefore(node, at);
    }
  }

  /** @param {Row} row @returns {HTMLElement} */
  node(row) {
    const known = this.shown.get(row.key);
    if (known !== undefined && same(known.row, row)) return known.node;
    const node = known?.node ?? this.view.create(row);
    if (known === undefined) node.dataset.key = row.key;
    else this.view.update(node, row, known.row);
    this.shown.set(row.key, { row, node });
    return node;
  }

  close() { this.sizes.disconnect(); }

  /** Begins anew: other words, another conversation. */
  clear() {
    this.list.replaceChildren();
    this.shown.clear();
    this.stored = { events: null, rows: [] };
    this.stick = true;
  }
}
