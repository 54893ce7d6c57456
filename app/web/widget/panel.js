/**
 * The open chat: header, messages, notice, composer, and the session behind them. It draws at most once a frame of the
 * screen, however much arrives. It must never hold a rule of the protocol, nor state that the session has already.
 */

import { connect } from '../sdk/session.js';
import { SafeStorage } from '../sdk/storage.js';
import { Announcer } from './announcer.js';
import { Composer } from './composer.js';
import { dress, keepFocus } from './dom.js';
import { download } from './download.js';
import { Frame } from './frame.js';
import { Identity } from './identity.js';
import { MessageList } from './list.js';
import { Notice } from './notice.js';
import { RowView } from './row.js';
import { Seen } from './seen.js';
import { Sound } from './sound.js';
import { TALK } from './style_talk.js';
import { followViewport } from './viewport.js';
import { errorText } from './words.js';

/** @typedef {import('./options.js').Host} Host */

export class Panel {
  /** @param {HTMLElement} root empty @param {Host} host */
  constructor(root, host) {
    this.host = host;
    const { words, lang, prefix } = host;
    const session = connect({ url: host.url });
    this.session = session;
    const kept = new SafeStorage(() => localStorage, prefix);
    this.seen = new Seen(kept);
    this.sound = new Sound(kept);
    this.identity = new Identity(session, kept);
    this.composer = new Composer(words, {
      send: (text) => this.send(text),
      refused: (sentence) => this.notice.say(sentence),
      stop: () => session.cancel(),
      typing: (active) => session.typing(active),
    }, new SafeStorage(() => sessionStorage, prefix));
    this.notice = new Notice(words, () => session.reconnect());
    this.frame = new Frame(root, host, this);
    this.list = new MessageList(this.frame.scroller, this.frame.rows, new RowView(words, lang, {
      retry: (id) => session.retry(id),
      discard: (id) => session.discard(id),
    }));
    this.announcer = new Announcer(this.frame.aloud, words, () => this.heard());
    dress(root, TALK, 1);
    this.unfollow = followViewport(root);
    this.drawing = 0;
    this.root = root;
    this.look = () => this.redraw();
    document.addEventListener('visibilitychange', this.look);
    window.addEventListener('storage', this.look);
    session.on('change', () => this.changed());
    session.on('status', (status) => this.notice.connection(status));
    session.on('gone', () => this.notice.say(words.gone));
    session.on('error', ({ code, message }) => { if (code !== 'session_gone') this.notice.say(errorText(words, code, message)); });
    session.on('typing', ({ role, name, active }) => { if (role !== 'user') this.frame.typing(active ? name ?? words.agent : null); this.redraw(); });
    this.redraw();
  }

  /** Something happened: counted at once, also on a hidden page, and drawn with the next frame. */
  changed() {
    const { transcript, caughtUp } = this.session;
    this.count();
    if (caughtUp) this.announcer.follow(transcript, this.host.isOpen);
    void this.identity.check();
    this.redraw();
  }

  count() { this.host.unread(this.seen.count(this.session.transcript, this.reading)); }

  /** The newest message is before the person's eyes. */
  get reading() { return this.host.isOpen && document.visibilityState === 'visible' && this.list.stick; }

  /** A message came. */
  heard() { if (!this.reading) this.sound.play(); }

  redraw() { this.drawing ||= requestAnimationFrame(() => keepFocus(this.root, () => this.draw(), () => this.frame.focus())); }

  draw() {
    this.drawing = 0;
    const { session } = this;
    const { transcript, welcome, running } = session;
    const count = this.list.render(session);
    const secret = transcript.state?.action === 'authentication_in_progress';
    this.composer.update({ running: running !== null, most: welcome?.limits.text ?? 8000, secret });
    this.frame.draw({ transcript, empty: count === 0, live: welcome !== null, atEnd: this.list.atEnd });
    this.count();
    this.older();
  }

  /** Fetches earlier messages before the person has to wait for them. */
  older() {
    const { transcript } = this.session;
    if (transcript.more && this.host.isOpen && this.frame.scroller.scrollTop < 400) void this.session.history();
  }

  scrolled() { this.list.scrolled(); this.changed(); }

  /** @param {string} text */
  send(text) {
    this.session.context = this.host.context();
    this.session.send(text);
    this.list.stick = true;
    this.redraw();
  }

  /** The panel is shown or hidden. @param {boolean} quiet the focus stays where it is */
  opened(quiet) {
    if (this.host.isOpen) {
      this.list.toEnd();
      this.composer.fit();
    }
    this.changed();
    if (!quiet) this.frame.focus();
  }

  restart() {
    const { transcript } = this.session;
    const act = () => { this.session.restart(); this.list.clear(); this.frame.focus(); };
    if (transcript.seq === 0 || transcript.state?.ended) return act();
    this.notice.ask(this.host.words.confirm_new, this.host.words.new, act, () => this.frame.focus());
  }

  end() {
    const { words } = this.host;
    this.notice.ask(words.confirm_end, words.end, () => this.session.end(), () => this.frame.focus());
  }

  download() { void download(this.session, this.host.words, this.host.lang); }

  /** The element is gone from the page; the conversation lives on. */
  close() {
    document.removeEventListener('visibilitychange', this.look);
    window.removeEventListener('storage', this.look);
    cancelAnimationFrame(this.drawing);
    this.composer.rest();
    this.session.close();
    this.notice.close();
    this.frame.close();
    this.unfollow();
    this.list.close();
    this.sound.close();
  }
}
