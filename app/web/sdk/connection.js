/**
 * The life of the WebSocket: hello, heartbeat, close codes, drain, and coming back. It knows no conversation: it must
 * never decide what a frame means, only that something was heard.
 */

import { backoff } from './backoff.js';
import { decode, encode } from './codec.js';
import { HANDSHAKE_BEAT_MS, Heartbeat } from './heartbeat.js';
import { CLOSE_CODES, SUBPROTOCOL } from './protocol.js';
import { Timers } from './timers.js';

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/**
 * @typedef {object} Status
 * @property {'connecting'|'open'|'waiting'|'stopped'} phase open: a welcome has arrived
 * @property {number|null} code of the close before; null while connected or never closed
 * @property {string|null} meaning of that code, for a person
 */

/**
 * @typedef {object} Handlers
 * @property {() => ClientFrame} hello
 * @property {(frame: import('./protocol.js').ServerFrame) => void} frame
 * @property {(frame: ClientFrame) => void} sent
 * @property {(code: number) => import('./protocol.js').CloseAction} parted the connection is lost: what to do now
 * @property {(status: Status) => void} status
 */

/** A connection that lasted so long was a good one: the backoff begins with the first retry again. */
const STABLE_MS = 5_000;
const ABNORMAL = 1006;
const LOST = 'The connection was lost.';

export class Connection {
  /** @param {string} url @param {import('./environment.js').Environment} env @param {Handlers} handlers */
  constructor(url, env, handlers) {
    this.url = url;
    this.env = env;
    this.handlers = handlers;
    this.timers = new Timers(env);
    const ping = () => this.send({ type: 'ping', t: null });
    this.heartbeat = new Heartbeat(this.timers, env.now, { ping, dead: () => this.drop() });
    this.socket = /** @type {import('./environment.js').SocketLike|null} */ (null);
    this.status = /** @type {Status} */ ({ phase: 'connecting', code: null, meaning: null });
    this.retries = 0;
    this.since = /** @type {number|null} when this connection was welcomed */ (null);
    this.leaveAt = /** @type {number|null} when to leave a draining replica */ (null);
    this.wake = () => this.woken();
    env.window?.addEventListener('online', this.wake);
    env.document?.addEventListener('visibilitychange', this.wake);
  }

  /** Connects now, whatever the connection did before. */
  open() {
    this.detach();
    this.heartbeat.heard();
    this.become('connecting', this.status.code);
    const socket = new this.env.WebSocket(this.url, [SUBPROTOCOL]);
    this.socket = socket;
    socket.onopen = () => this.transmit(this.handlers.hello());
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.lost(event.code);
    this.heartbeat.watch(HANDSHAKE_BEAT_MS);
  }

  /** @param {ClientFrame} frame @returns {boolean} false: not connected, nothing was sent */
  send(frame) {
    const open = this.status.phase === 'open';
    if (open) this.transmit(frame);
    return open;
  }

  /** Gives this connection up and comes back after a backoff: it is silent, or what it says has a hole. */
  drop() { this.lost(ABNORMAL); }

  /** For good. */
  close() {
    this.detach();
    this.env.window?.removeEventListener('online', this.wake);
    this.env.document?.removeEventListener('visibilitychange', this.wake);
    this.become('stopped', 1000);
  }

  /** @param {ClientFrame} frame */
  transmit(frame) {
    this.socket?.send(encode(frame));
    this.handlers.sent(frame);
  }

  /** @param {unknown} data */
  receive(data) {
    this.heartbeat.heard();
    const frame = decode(data);
    if (frame === null) return;
    if (frame.type === 'welcome') this.welcomed(frame.heartbeat);
    if (frame.type === 'drain') this.leave(frame.reconnect_in);
    this.handlers.frame(frame);
  }

  /** @param {number} heartbeat seconds */
  welcomed(heartbeat) {
    this.since = this.env.now();
    this.heartbeat.watch(heartbeat * 1000);
    this.become('open', null);
  }

  /** The replica goes. Another one can serve at once, so nobody waits for the close. @param {number} within ms */
  leave(within) {
    const wait = this.env.random() * within;
    this.leaveAt = this.env.now() + wait;
    this.timers.after('leave', wait, () => {
      this.handlers.parted(1001);
      this.open();
    });
  }

  /** @param {number} code */
  lost(code) {
    const { since, leaveAt } = this;
    this.detach();
    if (since !== null && this.env.now() - since >= STABLE_MS) this.retries = 0;
    if (this.handlers.parted(code) === 'stop') return this.become('stopped', code);
    const wait = leaveAt !== null ? Math.max(0, leaveAt - this.env.now()) : backoff(this.retries++, this.env.random);
    this.timers.after('retry', wait, () => this.open());
    this.become('waiting', code);
  }

  /** The network or the person came back: connect at once, or see whether the connection still lives. */
  woken() {
    if (this.env.document?.visibilityState === 'hidden') return;
    if (this.status.phase === 'waiting') return this.open();
    this.heartbeat.probe();
  }

  /** Forgets the socket: a late event of it must never reach the conversation. */
  detach() {
    this.timers.clear();
    const { socket } = this;
    Object.assign(this, { socket: null, since: null, leaveAt: null });
    if (socket === null) return;
    Object.assign(socket, { onopen: null, onmessage: null, onclose: null });
    socket.close(1000);
  }

  /** @param {Status['phase']} phase @param {number|null} code */
  become(phase, code) {
    this.status = { phase, code, meaning: code === null ? null : CLOSE_CODES[code]?.meaning ?? LOST };
    this.handlers.status(this.status);
  }
}
