/**
 * `<baton-chat>`: the chat as one element for any site: a launcher, and behind it the panel, which is loaded when it is
 * needed: on the first click, or at once where a conversation goes on. It must never touch the page around it, nor
 * connect before there is something to say.
 */

import { SafeStorage } from '../sdk/storage.js';
import { TokenStore } from '../sdk/token.js';
import { button, dress, focused, ICONS, icon, make, say } from './dom.js';
import { load } from './loader.js';
import { options } from './options.js';
import { STYLE } from './style.js';
import { fill } from './words.js';

/** @typedef {import('./panel.js').Panel} Panel */

export class BatonChat extends HTMLElement {
  static observedAttributes = ['greeting', 'identity', 'inline', 'label', 'lang', 'server', 'suggestions'];

  constructor() {
    super();
    this.attachShadow({ mode: 'open' });
    this.panel = /** @type {Panel|null} */ (null);
    this.loading = /** @type {AbortController|null} */ (null);
    this.shown = /** @type {{launcher: HTMLButtonElement, badge: HTMLElement, box: HTMLElement}|null} */ (null);
    this.isOpen = false;
    this.from = /** @type {Element|null|undefined} where the focus was when it was opened; undefined: leave it */ (undefined);
    this.given = /** @type {import('./options.js').Given} */ ({ words: {}, identity: undefined });
  }

  connectedCallback() {
    for (const name of ['words', 'identity']) this.upgrade(name);
    if (this.shown === null) this.build();
  }

  disconnectedCallback() { queueMicrotask(() => { if (!this.isConnected) this.tearDown(); }); }

  /** @param {string} name @param {string|null} before @param {string|null} now */
  attributeChangedCallback(name, before, now) {
    if (this.shown === null || before === now) return;
    if (name === 'identity') return this.panel?.identity.set(options(this).identity);
    this.tearDown();
    this.build();
  }

  /** The running session of the SDK, or null before there is one. */
  get session() { return this.panel?.session ?? null; }

  /** Own words instead of the element's, by their key. @param {Partial<import('./words.js').Words>} words */
  set words(words) {
    const [before, now] = [this.given.words, words].map((one) => JSON.stringify(one));
    this.given = { ...this.given, words };
    this.attributeChangedCallback('words', before ?? '', now ?? '');
  }
  get words() { return this.given.words; }

  /** A signed assertion of who the customer is, or a function that brings one. @param {import('./identity.js').Source} identity */
  set identity(identity) { this.given = { ...this.given, identity }; this.panel?.identity.set(options(this).identity); }
  get identity() { return options(this).identity; }

  open() { this.toggle(true); }
  close() { this.toggle(false); }

  /** A property that was set before the element was known. @param {string} name */
  upgrade(name) {
    if (!Object.hasOwn(this, name)) return;
    const value = Reflect.get(this, name);
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, value);
  }

  build() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const { words, label, inline, prefix, tab } = options(this);
    const badge = make('span', { className: 'badge', hidden: true, 'aria-hidden': 'true' });
    const launcher = button('launcher', label, () => this.toggle(!this.isOpen), icon(ICONS.chat), badge);
    const box = make('section', { className: 'panel', id: 'panel', role: inline ? 'region' : 'dialog', 'aria-label': label, hidden: true },
      make('p', { className: 'loading', role: 'status' }, words.loading));
    launcher.setAttribute('aria-controls', 'panel');
    Object.assign(launcher, { ariaExpanded: 'false', hidden: inline });
    launcher.addEventListener('pointerenter', () => void load(() => {}, null), { once: true });
    box.addEventListener('keydown', ({ key, isComposing }) => { if (key === 'Escape' && !isComposing && !inline) this.close(); });
    root.replaceChildren(box, launcher);
    dress(box, STYLE, 0);
    this.shown = { launcher, badge, box };
    const kept = new TokenStore(new SafeStorage(() => localStorage, prefix)).get() !== null;
    if (inline || tab.get('open') === 'yes') this.toggle(true, true);
    else if (kept) this.start();
  }

  /** @param {boolean} open @param {boolean} [quiet] nobody asked for it: the focus stays where it is */
  toggle(open, quiet = false) {
    if (this.shown === null || open === this.isOpen) return;
    const { box, launcher } = this.shown;
    const { inline, tab } = options(this);
    const inside = box.contains(this.shadowRoot?.activeElement ?? null);
    Object.assign(this, { isOpen: open, from: quiet ? undefined : focused(this) });
    box.hidden = !open;
    launcher.ariaExpanded = String(open);
    if (!inline) tab.set('open', open ? 'yes' : 'no');
    launcher.firstElementChild?.replaceWith(icon(open ? ICONS.down : ICONS.chat));
    if (open) this.start();
    this.panel?.opened(!open || quiet);
    if (!open && inside) launcher.focus();
    this.dispatchEvent(new CustomEvent(open ? 'baton-open' : 'baton-close', { bubbles: true }));
  }

  /** Loads the panel, once, as often as it takes. */
  start() {
    if (this.panel !== null || this.loading !== null || this.shown === null) return;
    const { box } = this.shown;
    this.loading = new AbortController();
    const late = () => { if (box.firstElementChild) say(box.firstElementChild, options(this).words.unreachable); };
    void load(late, this.loading.signal).then((module) => {
      if (module === null || this.shown?.box !== box) return;
      this.loading = null;
      const known = options(this);
      const element = this;
      this.panel = new module.Panel(box, {
        ...known, context: () => options(this).context, close: () => this.close(), unread: (count) => this.unread(count),
        get isOpen() { return element.isOpen; },
      });
      this.panel.identity.set(known.identity);
      this.panel.opened(!this.isOpen || this.from !== focused(this));
      this.dispatchEvent(new CustomEvent('baton-session', { bubbles: true, detail: { session: this.session } }));
    });
  }

  /** @param {number} count */
  unread(count) {
    if (this.shown === null) return;
    const { badge, launcher } = this.shown;
    const text = count > 99 ? '99+' : String(count);
    if (badge.hidden === (count === 0) && badge.textContent === text) return;
    const { words, label } = options(this);
    badge.hidden = count === 0;
    badge.textContent = text;
    launcher.ariaLabel = count === 0 ? label : `${label}, ${fill(count === 1 ? words.unread_one : words.unread_other, { n: count })}`;
    this.dispatchEvent(new CustomEvent('baton-unread', { bubbles: true, detail: { count } }));
  }

  tearDown() {
    this.loading?.abort();
    this.panel?.close();
    Object.assign(this, { panel: null, loading: null, shown: null, isOpen: false });
    this.shadowRoot?.replaceChildren();
  }
}

if (!customElements.get('baton-chat')) customElements.define('baton-chat', BatonChat);
