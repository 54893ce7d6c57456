/**
 * Rows to elements: a keyed list that touches only what changed and keeps its place while people read. It must never
 * move what a person is reading: what comes in above pushes nothing down, what grows below pulls nothing up.
 */

import { Groups } from './groups.js';
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
    this.groups = new Groups(list);
    this.view = view;
    /** @type {Map<string, {row: Row, node: HTMLElement}>} */
    this.shown = new Map();
    this.stored = { events: /** @type {readonly any[]|null} */ (null), rows: /** @type {Row[]} */ ([]) };
    this.stick = true;
    this.top = 0;
    this.eye = /** @type {{row: Element, at: number}|null} */ (null);
    // Something came in above or below; or what was only estimated out of view has another size now that it is in it.
    this.sizes = new ResizeObserver(() => { if (this.stick) this.toEnd(); else this.hold(); });
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
    this.look();
  }

  /** @param {import('../sdk/session.js').Session} session @returns {number} rows shown */
  render({ transcript, pending }) {
    const { words } = this.view;
    const { events } = transcript;
    const fresh = events !== this.stored.events;
    if (fresh) this.stored = { events, rows: arranged(eventRows(events, words)) };
    const { rows } = this.stored;
    const tail = arranged([...liveRows(transcript), ...pendingRows(pending, words)], rows.at(-1) ?? null);
    this.place(fresh ? [...rows, ...tail] : tail, fresh ? null : rows.at(-1)?.key ?? null);
    if (this.stick) this.toEnd();
    return rows.length + tail.length;
  }

  /** Remembers what a person reads: the row at the top of the view, and where it stands. */
  look() {
    const row = this.groups.below(this.scroller.getBoundingClientRect().top);
    this.eye = row === null ? null : { row, at: this.offset(row) };
  }

  /** Puts it back to where it stood. */
  hold() {
    if (!this.eye?.row.isConnected) return this.look();
    const moved = this.offset(this.eye.row) - this.eye.at;
    if (moved !== 0) this.scroller.scrollTop += moved;
  }

  /** @param {Element} row */
  offset(row) { return row.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top; }

  /** @param {Row[]} rows in order @param {string|null} after the key of the row that these follow; null: they are all */
  place(rows, after) {
    const last = after === null ? null : this.shown.get(after)?.node ?? null;
    let at = last === null ? this.groups.first : this.groups.after(last);
    const keys = new Set(rows.map(({ key }) => key));
    for (let old = at; old !== null;) {
      const next = this.groups.after(old);
      const key = /** @type {HTMLElement} */ (old).dataset.key ?? '';
      if (!keys.has(key)) {
        if (old === at) at = next;
        this.groups.remove(old);
        this.shown.delete(key);
      }
      old = next;
    }
    for (const row of rows) {
      const node = this.node(row);
      if (node === at) at = this.groups.after(node);
      else this.groups.put(node, at);
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
    this.groups.node.replaceChildren();
    this.shown.clear();
    this.stored = { events: null, rows: [] };
    this.stick = true;
  }
}
