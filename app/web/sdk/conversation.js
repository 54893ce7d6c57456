/**
 * What frames and closes do to a conversation on this side: the transcript grows, messages leave and arrive, tokens
 * come and go. It must never keep the cursor apart from the transcript it was applied to: both live in memory only,
 * and a reload starts with neither, so that a tab can't skip what it doesn't show.
 */

import { Commands } from './commands.js';
import { Delivery } from './delivery.js';
import { Outbox } from './outbox.js';
import { Pages } from './pages.js';
import { CLIENT, closeAction } from './protocol.js';
import { follow, followAll } from './shared.js';
import { SafeStorage } from './storage.js';
import { TokenStore } from './token.js';
import { EMPTY, caughtUp, cursor, reduce, running } from './transcript.js';

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */

/**
 * @typedef {object} Link the way out
 * @property {(frame: ClientFrame) => boolean} send false: not connected
 * @property {() => void} drop the connection can't be trusted any more
 * @property {() => void} gone as if the server had said that the conversation is
 * @property {() => void} open connects anew
 * @property {() => void} probe asks whether the other side still lives
 * @property {() => void} changed something here changed by itself
 */

export class Conversation {
  /**
   * @param {import('./environment.js').Environment} env
   * @param {string} prefix of the storage keys
   * @param {Link} link
   */
  constructor(env, prefix, link) {
    this.link = link;
    this.outKeys = `${prefix}out:`;
    this.tokens = new TokenStore(new SafeStorage(env.storage, prefix));
    this.outbox = new Outbox(new SafeStorage(env.storage, this.outKeys), env);
    this.delivery = new Delivery(env, this.outbox, link);
    this.commands = new Commands();
    this.pages = new Pages(link.send);
    this.transcript = EMPTY;
    this.welcome = /** @type {import('./protocol.js').Welcome|null} */ (null);
    this.used = /** @type {import('./token.js').Kept|null} the token that the last hello said */ (null);
  }

  /** Somebody waits for the other side: for an answer, or to hear that a message is stored. */
  get awaiting() { return running(this.transcript) !== null || this.delivery.awaiting; }

  /** @returns {ClientFrame} the first frame of a connection */
  hello() {
    this.used = this.tokens.get();
    const { session } = this.transcript;
    if (session !== null && session !== this.used?.session) this.leave(null);
    return { type: 'hello', token: this.used?.token ?? null, after: cursor(this.transcript), client: CLIENT };
  }

  /** @param {ServerFrame} frame */
  receive(frame) {
    const before = this.transcript;
    this.transcript = reduce(this.transcript, frame);
    if (this.transcript.gap) return this.link.drop();
    if (this.transcript.seq === 1 && this.used !== null) this.tokens.begin(this.used.session);
    switch (frame.type) {
      case 'welcome': this.welcomed(frame); break;
      case 'message': if (frame.role === 'user') this.outbox.settled(frame.id); break;
      case 'ack': this.delivery.acked(frame, this.transcript.seq); break;
      case 'error': if (frame.id !== null) this.outbox.refused(frame.id, frame); break;
      case 'history': this.pages.done(this.transcript !== before); break;
      case 'pong': this.commands.settle(frame.t); break;
      default: break;
    }
    this.flush();
  }

  /** @param {import('./protocol.js').Welcome} frame */
  welcomed(frame) {
    const kept = this.tokens.get();
    // Another tab went on to another one since the hello: this one follows, and doesn't take that tab along.
    if (kept !== null && kept.session !== frame.session) return this.move();
    // A page that was loaded anew has no cursor, so the server can't know that there was something.
    if (frame.seq === 0 && this.tokens.begun(frame.session)) return this.link.gone();
    this.welcome = frame;
    this.used = { token: frame.token, session: frame.session };
    this.tokens.set(this.used);
    if (frame.seq > 0) this.tokens.begin(frame.session);
    this.delivery.limits = frame.limits;
    followAll(this.outbox);
    this.outbox.joined(frame.session);
    for (const again of this.commands.unsettled()) this.link.send(again);
  }

  /** @param {string} text @param {import('./protocol.js').Context|null} context @returns {string} its id */
  submit(text, context) {
    const id = this.delivery.add(text, this.transcript.session, context);
    this.flush();
    return id;
  }

  flush() { if (this.welcome !== null && caughtUp(this.transcript)) this.delivery.flush(); }

  /** @param {ClientFrame} frame that may be said twice */
  command(frame) {
    for (const part of this.commands.add(frame)) this.link.send(part);
  }

  /** The connection is lost. @param {number} code @returns {import('./protocol.js').CloseAction} */
  parted(code) {
    this.welcome = null;
    this.pages.done(false);
    if (this.delivery.parted(code)) return 'reconnect';
    const action = closeAction(code);
    if (action === 'anew') this.leave(this.used?.token ?? null);
    return action;
  }

  /**
   * This conversation is left. Unsent messages stay, and are not sent into another one unasked.
   * @param {string|null} token of it; null: another tab has replaced it already
   */
  leave(token) {
    this.tokens.forget(token);
    this.commands.moved();
    this.outbox.left();
    this.transcript = EMPTY;
  }

  /** Another tab wrote into the storage that it shares with this one. @param {string|null} key null: it was cleared */
  touched(key) {
    if (!key?.startsWith(this.outKeys)) return this.followed();
    follow(this.outbox, key.slice(this.outKeys.length));
    this.flush();
  }

  /** Another tab opened another conversation: this one follows. */
  followed() {
    const kept = this.tokens.get();
    if (this.transcript.session === null || kept === null || kept.session === this.transcript.session) return;
    this.move();
  }

  /** To the conversation that the tabs share. */
  move() {
    this.parted(1001);
    this.leave(null);
    this.link.open();
  }
}
