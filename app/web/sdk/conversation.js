/**
 * What frames and closes do to a conversation on this side: the transcript grows, messages leave and arrive, tokens
 * come and go. It must never keep the cursor apart from the transcript it was applied to: both live in memory only,
 * and a reload starts with neither, so that a tab can't skip what it doesn't show.
 */

import { Commands } from './commands.js';
import { Outbox } from './outbox.js';
import { CLIENT, TOO_LARGE, closeAction } from './protocol.js';
import { SafeStorage } from './storage.js';
import { Timers } from './timers.js';
import { TokenStore } from './token.js';
import { EMPTY, caughtUp, cursor, reduce } from './transcript.js';

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */

/**
 * @typedef {object} Link the way out
 * @property {(frame: ClientFrame) => boolean} send false: not connected
 * @property {() => void} drop the connection can't be trusted any more
 * @property {() => void} open connects anew
 * @property {() => void} probe asks whether the other side still lives
 */

export class Conversation {
  /**
   * @param {import('./environment.js').Environment} env
   * @param {string} prefix of the storage keys
   * @param {Link} link
   */
  constructor(env, prefix, link) {
    this.env = env;
    this.link = link;
    this.timers = new Timers(env);
    this.tokens = new TokenStore(new SafeStorage(env.storage, prefix));
    this.outbox = new Outbox(new SafeStorage(env.storage, `${prefix}out:`), env);
    this.commands = new Commands();
    this.transcript = EMPTY;
    this.welcome = /** @type {import('./protocol.js').Welcome|null} */ (null);
    this.used = /** @type {import('./token.js').Kept|null} the token that the last hello said */ (null);
    this.page = /** @type {((more: boolean) => void)|null} waits for older events */ (null);
  }

  /** @returns {ClientFrame} the first frame of a connection */
  hello() {
    this.used = this.tokens.get();
    if (this.used?.session !== this.transcript.session) this.transcript = EMPTY;
    return { type: 'hello', token: this.used?.token ?? null, after: cursor(this.transcript), client: CLIENT };
  }

  /** @param {ServerFrame} frame */
  receive(frame) {
    this.transcript = reduce(this.transcript, frame);
    if (this.transcript.gap) return this.link.drop();
    switch (frame.type) {
      case 'welcome': this.welcomed(frame); break;
      case 'message': if (frame.role === 'user') this.outbox.settled(frame.id); break;
      case 'ack': this.outbox.acked(frame.id); break;
      case 'error': if (frame.id !== null) this.outbox.refused(frame.id, frame); break;
      case 'history': this.turnPage(true); break;
      case 'pong': this.commands.settle(frame.t); break;
      default: break;
    }
    this.flush();
  }

  /** @param {import('./protocol.js').Welcome} frame */
  welcomed(frame) {
    this.welcome = frame;
    this.used = { token: frame.token, session: frame.session };
    this.tokens.set(this.used);
    this.outbox.joined(frame.session);
    for (const again of this.commands.unsettled()) this.link.send(again);
  }

  /** Sends what may be sent now. Not before the replay is through: it may hold what waits here. */
  flush() {
    this.timers.clear();
    if (this.welcome === null || !caughtUp(this.transcript)) return;
    const unanswered = this.outbox.head()?.state === 'sent';
    const entry = this.outbox.next();
    if (entry !== null && unanswered) this.link.probe();
    if (entry !== null) this.link.send({ type: 'send', id: entry.id, text: entry.text });
    const at = this.outbox.wakeAt();
    if (at !== null) this.timers.after('flush', Math.max(0, at - this.env.now()), () => this.flush());
  }

  /** @param {ClientFrame} frame that may be said twice */
  command(frame) {
    for (const part of this.commands.add(frame)) this.link.send(part);
  }

  /** @param {number} limit @returns {Promise<boolean>} */
  older(limit) {
    const { first, more } = this.transcript;
    const asked = this.page === null && more && first > 1 && this.link.send({ type: 'history', before: first, limit });
    return asked ? new Promise((resolve) => { this.page = resolve; }) : Promise.resolve(false);
  }

  /** @param {boolean} came */
  turnPage(came) {
    const { page } = this;
    this.page = null;
    page?.(came);
  }

  /** The connection is lost. @param {number} code @returns {import('./protocol.js').CloseAction} */
  parted(code) {
    this.welcome = null;
    this.timers.clear();
    this.turnPage(false);
    const inFlight = this.outbox.entries.find((entry) => entry.state === 'sent');
    this.outbox.parted();
    if (code === 1009 && inFlight) {
      this.outbox.fail(inFlight, 'too_large', TOO_LARGE);
      return 'reconnect';
    }
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
    this.transcript = EMPTY;
  }

  /** Another tab opened another conversation: this one follows. */
  followed() {
    const kept = this.tokens.get();
    if (this.transcript.session === null || kept === null || kept.session === this.transcript.session) return;
    this.parted(1001);
    this.leave(null);
    this.link.open();
  }
}
