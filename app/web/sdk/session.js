/**
 * One conversation as a page sees it: what was said, what is on its way, how the connection does. Everything that a
 * page may call is here; it must never hold rules of the protocol, which live in the modules it ties together.
 */

import { oversized } from './codec.js';
import { Connection } from './connection.js';
import { Conversation } from './conversation.js';
import { Emitter } from './emitter.js';
import { environment } from './environment.js';
import { DEFAULT_LIMITS, HISTORY_LIMIT, TOO_LARGE } from './protocol.js';
import { running } from './transcript.js';

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./protocol.js').ServerFrame} ServerFrame */

/**
 * @typedef {object} Events
 * @property {Session} change something to show has changed
 * @property {import('./connection.js').Status} status
 * @property {{direction: 'in'|'out', frame: ServerFrame|ClientFrame}} frame for the curious; may hold tokens
 * @property {import('./protocol.js').ErrorFrame} error one that belongs to no message
 * @property {import('./protocol.js').Typing} typing
 * @property {{code: number}} gone the conversation can't be opened any more; a new one is begun
 */

/**
 * @param {{url?: string} & Partial<import('./environment.js').Environment>} [options] url: of the WebSocket; by default
 *   that of the server this module came from
 * @returns {Session} connecting; it stays connected by itself until `close`
 */
export function connect(options = {}) {
  const { url = new URL('/ws', import.meta.url).href.replace(/^http/, 'ws'), ...env } = options;
  return new Session(url, environment(env));
}

/** @extends {Emitter<Events>} */
export class Session extends Emitter {
  /** @param {string} url @param {import('./environment.js').Environment} env */
  constructor(url, env) {
    super();
    this.env = env;
    this.conversation = new Conversation(env, `baton:${new URL(url).host}:`, {
      send: (frame) => this.connection.send(frame),
      drop: () => this.connection.drop(),
      open: () => this.connection.open(),
      probe: () => this.connection.heartbeat.probe(),
    });
    this.connection = new Connection(url, env, {
      hello: () => this.conversation.hello(),
      frame: (frame) => this.receive(frame),
      sent: (frame) => this.emit('frame', { direction: 'out', frame }),
      parted: (code) => this.parted(code),
      status: (status) => { this.emit('status', status); this.changed(); },
    });
    this.follow = () => this.conversation.followed();
    env.window?.addEventListener('storage', this.follow);
    this.connection.open();
  }

  /** What was stored, and the answer being written. */
  get transcript() { return this.conversation.transcript; }
  /** What was written here and isn't in the transcript yet. */
  get pending() { return this.conversation.outbox.entries; }
  /** The turn that `cancel` stops, or null. */
  get running() { return running(this.transcript); }
  get status() { return this.connection.status; }
  /** The server's last greeting; null while not connected. */
  get welcome() { return this.conversation.welcome; }

  /** @param {string} text @returns {string} the id of the message, kept until it is stored */
  send(text) {
    const { outbox } = this.conversation;
    const entry = outbox.add(this.env.uuid(), text, this.transcript.session);
    const limits = this.welcome?.limits ?? DEFAULT_LIMITS;
    if (oversized({ type: 'send', id: entry.id, text }, limits)) outbox.fail(entry, 'too_large', TOO_LARGE);
    this.flushed();
    return entry.id;
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
  history(limit = HISTORY_LIMIT) { return this.conversation.older(limit); }

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
    this.env.window?.removeEventListener('storage', this.follow);
    this.conversation.parted(1000);
    this.connection.close();
  }

  /** @param {ServerFrame} frame */
  receive(frame) {
    this.emit('frame', { direction: 'in', frame });
    this.conversation.receive(frame);
    if (frame.type === 'error' && frame.id === null) this.emit('error', frame);
    if (frame.type === 'typing') this.emit('typing', frame);
    this.changed();
  }

  /** @param {number} code */
  parted(code) {
    const action = this.conversation.parted(code);
    if (action === 'anew') this.emit('gone', { code });
    return action;
  }

  flushed() { this.conversation.flush(); this.changed(); }
  changed() { this.emit('change', this); }
}
