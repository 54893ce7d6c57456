/**
 * `<baton-chat>`: the chat as one element for any site: a launcher, and a panel with messages. It brings its own
 * style in a shadow root and takes the server from its own address. It must never touch the page around it, nor
 * connect before a person opens it.
 */

const at = (/** @type {string} */ path) => new URL(path, import.meta.url).href;

const STYLE = `
:host { --accent: var(--baton-accent, #3a5a8c); position: fixed; right: 20px; bottom: 20px; z-index: 2147483000;
  color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; color: light-dark(#1b1f27, #e6e9ef); }
[hidden] { display: none !important; }
button { font: inherit; cursor: pointer; border: 0; color: inherit; background: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.launcher { display: block; margin-left: auto; padding: 12px 20px; border-radius: 999px; background: var(--accent);
  color: #fff; box-shadow: 0 6px 20px rgb(0 0 0 / 22%); }
.panel { display: flex; flex-direction: column; width: min(380px, calc(100vw - 24px));
  height: min(580px, calc(100dvh - 100px)); margin-bottom: 12px; border-radius: 16px; overflow: hidden;
  background: light-dark(#fff, #171b22);
  border: 1px solid light-dark(#e1e4ea, #2a313d); box-shadow: 0 16px 48px rgb(0 0 0 / 22%); }
header { padding: 12px 16px; font-weight: 600; border-bottom: 1px solid light-dark(#e1e4ea, #2a313d); }
.scroller { flex: 1; min-height: 0; overflow-y: auto; padding: 14px; overscroll-behavior: contain; }
ol { list-style: none; margin: 0; padding: 0; display: flex; flex-direction: column; gap: 6px; }
.row { display: flex; flex-direction: column; align-items: flex-start; max-width: 88%; }
.row .text { padding: 8px 12px; border-radius: 14px; background: light-dark(#f1f3f6, #212732); white-space: pre-wrap;
  overflow-wrap: anywhere; }
.row .waiting::after { content: "…"; }
.row.user { align-self: flex-end; align-items: flex-end; }
.row.user .text { background: var(--accent); color: #fff; }
.row.queued .text, .row.sent .text { opacity: .7; }
.row.note { align-self: center; }
.row.note .text { background: none; }
.row.note, .meta, .line { font-size: 12px; color: light-dark(#667085, #95a0b3); }
.meta { display: flex; flex-wrap: wrap; gap: 0 8px; padding: 2px 4px; }
.row.failed .delivery { color: light-dark(#b3423a, #e58a80); }
.link { padding: 0; text-decoration: underline; }
.line { margin: 0; padding: 0 16px; min-height: 20px; }
form { display: flex; gap: 6px; padding: 8px 10px 10px; }
textarea { flex: 1; min-width: 0; resize: none; font: inherit; font-size: 16px; color: inherit; padding: 7px 10px;
  border-radius: 10px; background: none; border: 1px solid light-dark(#e1e4ea, #2a313d); }
form button { padding: 0 14px; border-radius: 10px; background: var(--accent); color: #fff; }
form .stop { background: light-dark(#f1f3f6, #212732); color: inherit; }
`;

class BatonChat extends HTMLElement {
  constructor() {
    super();
    this.session = /** @type {import('../sdk/session.js').Session|null} */ (null);
    this.starting = /** @type {Promise<void>|null} */ (null);
    this.attachShadow({ mode: 'open' });
  }

  connectedCallback() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    const style = new CSSStyleSheet();
    style.replaceSync(STYLE);
    root.adoptedStyleSheets = [style];
    const make = (/** @type {string} */ tag, /** @type {object} */ set, /** @type {Node[]} */ ...inside) => {
      const made = Object.assign(document.createElement(tag), set);
      made.append(...inside);
      return made;
    };
    const label = this.getAttribute('label') ?? 'Chat with us';
    const ask = make('textarea', { rows: 1, placeholder: 'Write a message', ariaLabel: 'Message' });
    const stop = make('button', { type: 'button', className: 'stop', textContent: 'Stop', hidden: true });
    const form = make('form', {}, ask, stop, make('button', { type: 'submit', textContent: 'Send' }));
    const list = make('ol', { role: 'log' });
    const scroller = make('div', { className: 'scroller' }, list);
    const line = make('p', { className: 'line', role: 'status' });
    const panel = make('section', { className: 'panel', hidden: true, ariaLabel: label },
      make('header', { textContent: label }), scroller, line, form);
    const closed = { type: 'button', className: 'launcher', textContent: label, ariaExpanded: 'false' };
    const launcher = make('button', closed);
    root.replaceChildren(panel, launcher);
    this.parts = { ask: /** @type {HTMLTextAreaElement} */ (ask), stop, list, scroller, line };

    launcher.addEventListener('click', () => {
      panel.hidden = !panel.hidden;
      launcher.ariaExpanded = String(!panel.hidden);
      launcher.textContent = panel.hidden ? label : 'Close';
      if (panel.hidden) return;
      ask.focus();
      void this.start();
    });
    form.addEventListener('submit', (event) => { event.preventDefault(); void this.submit(); });
    ask.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void this.submit();
    });
    stop.addEventListener('click', () => this.session?.cancel());
  }

  disconnectedCallback() {
    this.session?.close();
    this.session = null;
    this.starting = null;
  }

  /** Loads the client and connects, once; again when it could not be loaded. */
  start() {
    this.starting ??= this.load().catch(() => {
      this.starting = null;
      if (this.parts) this.parts.line.textContent = 'The chat can not be reached. Please try again.';
    });
    return this.starting;
  }

  async load() {
    const { parts } = this;
    const modules = [import(at('../sdk/session.js')), import(at('./list.js'))];
    /** @type {[typeof import('../sdk/session.js'), typeof import('./list.js')]} */
    const [{ connect }, { MessageList }] = /** @type {any} */ (await Promise.all(modules));
    if (!this.isConnected || !parts) return;
    parts.line.textContent = '';
    const session = connect();
    this.session = session;
    const view = new MessageList(parts.scroller, parts.list, {
      retry: (id) => session.retry(id),
      discard: (id) => session.discard(id),
    });
    session.on('change', () => {
      view.render(session);
      parts.stop.hidden = session.running === null;
      const { phase, meaning, code } = session.status;
      parts.line.textContent = phase === 'stopped' ? meaning : phase !== 'open' && code !== null ? 'Reconnecting' : '';
    });
  }

  async submit() {
    await this.start();
    const ask = this.parts?.ask;
    if (!this.session || !ask || ask.value.trim() === '') return;
    this.session.send(ask.value);
    ask.value = '';
  }
}

if (!customElements.get('baton-chat')) customElements.define('baton-chat', BatonChat);
