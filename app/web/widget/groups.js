/**
 * Rows in groups, so that the browser skips whole groups out of view: among thousands, each single row would cost it
 * something in every frame. It must never know what a row shows, nor leave an empty group.
 */

import { make } from './dom.js';

const FULL = 100;

export class Groups {
  /** @param {HTMLElement} node */
  constructor(node) { this.node = node; }

  /** @returns {Element|null} the first row */
  get first() { return this.node.firstElementChild?.firstElementChild ?? null; }

  /** @param {Element} row @returns {Element|null} the row that follows it */
  after(row) { return row.nextElementSibling ?? row.parentElement?.nextElementSibling?.firstElementChild ?? null; }

  /** @param {Element} row @param {Element|null} at the row before which it goes; null: to the end */
  put(row, at) {
    const from = row.parentElement;
    const next = at?.parentElement ?? null;
    const inside = at !== null && at.previousElementSibling !== null;
    let group = inside ? next : next === null ? this.node.lastElementChild : next.previousElementSibling;
    if (group === null || (!inside && group.childElementCount >= FULL)) {
      group = this.node.insertBefore(make('ol', { className: 'group' }), next);
    }
    group.insertBefore(row, inside ? at : null);
    if (from?.childElementCount === 0) from.remove();
  }

  /** @param {Element} row */
  remove(row) {
    const group = row.parentElement;
    row.remove();
    if (group?.childElementCount === 0) group.remove();
  }

  /** @param {number} y @returns {Element|null} the first row that ends below it; only the rows of its group are laid out */
  below(y) {
    const group = firstBelow(this.node.children, y);
    return group === null ? null : firstBelow(group.children, y);
  }
}

/** @param {HTMLCollection} boxes from top to bottom @param {number} y @returns {Element|null} */
function firstBelow(boxes, y) {
  let [from, to] = [0, boxes.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((boxes[middle]?.getBoundingClientRect().bottom ?? 0) > y) to = middle;
    else from = middle + 1;
  }
  return boxes[from] ?? null;
}
