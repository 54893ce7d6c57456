/**
 * One conversation as a page uses it: what it sees is view.js, what it can do is here. It must never hold rules of the
 * protocol, which live in the modules it ties together.
 */

import { Connection } from './connection.js';
import { contextOf } from './context.js';
import { Conversation } from './conversation.js';
import { environment } from './environment.js';
import { GONE, HISTORY_LIMIT } from './protocol.js';
import { View } from './view.js';

/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */
/** @typedef {import('./status.js').Status} Status */
/** @typedef {import('./view.js').Events} Events */

/**
 * @param {{url?: string, context?: Record<string, string>} & Partial<import('./environment.js').Environment>} [options]
 *   url: of the WebSocket, by default that of the server this module came from; context: where the customer is
 * @returns {Session} connecting; it stays connected by itself until `close`
 */
export function connect(options = {}) {
  const { context = null, url = new URL('/ws', import.meta.url).href.replace(/^http/, 'ws'), ...env } = options;
  return new Session(url, environment(env), context);
}

export class Session extends View {
  /** @param {string} url @param {import('./environment.js').Environment} env @param {unknown} context */
  constructor(url, env, context) {
    super();
    this.env = env;
    this.place = contextOf(context);
    this.gone = /** @type {number|null} the close code that ended a conversation, not told yet */ (null);
    this.conversation = new Conversation(env, `baton:${new URL(url).host}:`, {
      send: (frame) => this.connection.send(frame),
      drop: () => this.connection.drop(),
      gone: () => this.connection.lost(GONE),
      open: () => this.connection.open(),
      probe: () => this.connection.heartbeat.probe(),
      changed: () => this.changed(),
    });
    this.connection = new Connection(url, env, {
      hello: () => this.conversation.hello(),
      frame: (frame) => this.receive(frame),
      sent: (frame) => this.emit('frame', { direction: 'out', frame }),
      parted: (code) => this.parted(code),
      status: (status) => this.told(status),
    });
    this.touched = (/** @type {StorageEvent} */ { key }) => { this.conversation.touched(key); this.changed(); };
    env.window?.addEventListener('storage', this.touched);
    this.connection.open();
  }

  /** Where the customer is: goes with every message from now on. Null for nothing. */
  get context() { return this.place; }
  set context(place) { this.place = contextOf(place); this.changed(); }

  /**
   * @param {string} text
   * @returns {string} the id of the message, kept until it is stored. Throws a `RangeError`, fit to be shown, when too
   *   many wait already.
   */
  send(text) {
    const id = this.conversation.submit(String(text), this.place);
    this.changed();
    return id;
  }

  /** @param {string} id of a failed message, which goes into this conversation now */
  retry(id) { this.conversation.outbox.retry(id, this.transcript.session); this.flushed(); }

  /** @param {string} id of a failed message that is given up */
  discard(id) { this.conversation.outbox.discard(id); this.flushed(); }

  /** Stops an answer. @param {number|undefined} [turn] by default the one being written */
  cancel(turn = this.running?.turn) { if (turn !== undefined) this.conversation.command({ type: 'cancel', turn }); }

  /** @param {string} token a signed assertion by the site of who the customer is */
  identify(token) { this.conversation.command({ type: 'identify', token }); }
  signOut() { this.conversation.command({ type: 'sign_out' }); }
  end() { this.conversation.command({ type: 'end' }); }

  /** @param {boolean} active never stored, so never said again */
  typing(active) { this.connection.send({ type: 'typing', active }); }

  /** @param {number} [limit] @returns {Promise<boolean>} older events came; false: there are none, or no connection */
  history(limit = HISTORY_LIMIT) { return this.conversation.pages.older(this.transcript, limit); }

  /** Leaves this conversation for a new one. */
  restart() {
    this.conversation.parted(1001);
    this.conversation.leave(this.conversation.tokens.get()?.token ?? null);
    this.connection.open();
  }

  /** Connects again now, because a person asked for it. */
  reconnect() { this.conversation.parted(1001); this.connection.open(); }

  /** The page is done with it; the conversation lives on. */
  close() {
    this.env.window?.removeEventListener('storage', this.touched);
    this.conversation.parted(1000);
    this.connection.close();
  }

  /** A listener may leave the connection that it came by. @param {ServerFrame} frame */
  receive(frame) {
    const { socket } = this.connection;
    this.emit('frame', { direction: 'in', frame });
    if (socket !== this.connection.socket) return;
    this.conversation.receive(frame);
    if (frame.type === 'error' && frame.id === null) this.emit('error', frame);
    if (frame.type === 'typing') this.emit('typing', frame);
    this.changed();
  }

  /** @param {number} code */
  parted(code) {
    const { console, origin } = this.env;
    const { used } = this.conversation;
    const action = this.conversation.parted(code);
    if (action === 'anew' && used !== null) this.gone = code;
    if (code === 4403) console?.error(`Baton: ${origin} is not among the server's BATON_ALLOWED_ORIGINS.`);
    return action;
  }

  /** A listener may do anything, such as close: then this status is old, and told no further. @param {Status} status */
  told(status) {
    const { gone } = this;
    this.gone = null;
    if (gone !== null) this.emit('gone', { code: gone });
    if (this.status === status) this.emit('status', status);
    if (this.status === status) this.emit(status.phase, status);
    this.changed();
  }

  flushed() { this.conversation.flush(); this.changed(); }
}
