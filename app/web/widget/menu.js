/**
 * A menu button, as the ARIA Authoring Practices describe it: arrows move, Escape closes, the focus comes back. It must
 * never do anything by itself but open and close.
 */

import { button, focused, ICONS, icon, make } from './dom.js';

/**
 * @typedef {object} Item
 * @property {string} className
 * @property {string} label
 * @property {() => void} act
 * @property {(() => boolean)} [checked] of one that is on or off
 * @property {() => boolean} [shown]
 */

export class Menu {
  /** @param {string} label @param {Item[]} items */
  constructor(label, items) {
    this.items = items.map((item) => ({ item, node: this.entry(item) }));
    this.list = make('div', { className: 'menu-list', role: 'menu', hidden: true }, ...this.items.map(({ node }) => node));
    this.opener = button('icon menu', label, () => this.toggle(this.list.hidden === true), icon(ICONS.menu));
    this.opener.ariaHasPopup = 'menu';
    this.opener.ariaExpanded = 'false';
    this.node = make('div', { className: 'menu-box' }, this.opener, this.list);
    this.node.addEventListener('keydown', (event) => this.key(event));
    this.node.addEventListener('focusout', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node) || !this.node.contains(relatedTarget)) this.toggle(false);
    });
  }

  /** @param {Item} item */
  entry(item) {
    const node = button(item.className, item.label, () => {
      this.toggle(false);
      this.opener.focus();
      item.act();
    });
    node.setAttribute('role', item.checked ? 'menuitemcheckbox' : 'menuitem');
    node.tabIndex = -1;
    return node;
  }

  /** @param {boolean} open */
  toggle(open) {
    if (open !== this.list.hidden) return;
    this.list.hidden = !open;
    this.opener.ariaExpanded = String(open);
    if (!open) return;
    for (const { item, node } of this.items) {
      node.hidden = item.shown?.() === false;
      if (item.checked) node.ariaChecked = String(item.checked());
    }
    this.nodes[0]?.focus();
  }

  get nodes() { return this.items.map(({ node }) => node).filter((node) => !node.hidden); }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (this.list.hidden) return;
    const { nodes } = this;
    const at = nodes.findIndex((node) => node === focused(this.node));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) nodes.at(to % nodes.length)?.focus();
    else if (event.key === 'Escape') {
      this.toggle(false);
      this.opener.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
