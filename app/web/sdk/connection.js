/**
 * The life of the WebSocket: hello, heartbeat, close codes, drain, and coming back. It knows no conversation: it must
 * never decide what a frame means, only that something was heard.
 */

import { Retries } from './backoff.js';
import { decode, encode } from './codec.js';
import { Heartbeat } from './heartbeat.js';
import { Presence } from './presence.js';
import { SUBPROTOCOL } from './protocol.js';
import { ABNORMAL, status } from './status.js';
import { Timers } from './timers.js';

/** @typedef {import('./protocol.js').ClientFrame} ClientFrame */
/** @typedef {import('./status.js').Status} Status */

/**
 * @typedef {object} Handlers
 * @property {() => ClientFrame} hello
 * @property {(frame: import('./protocol.js').ServerFrame) => void} frame
 * @property {(frame: ClientFrame) => void} sent
 * @property {(code: number) => import('./protocol.js').CloseAction} parted the connection is lost: what to do now
 * @property {(status: Status) => void} status
 */

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
    this.status = status('connecting', null);
    this.retries = new Retries(env.random);
    this.since = /** @type {number|null} when this connection was welcomed */ (null);
    this.leaveAt = /** @type {number|null} when to leave a draining replica */ (null);
    this.presence = new Presence(env, { back: () => this.woken(), away: () => this.unplugged() });
  }

  /** Connects now, whatever the connection did before. */
  open() {
    this.detach();
    const socket = new this.env.WebSocket(this.url, [SUBPROTOCOL]);
    this.socket = socket;
    socket.onopen = () => this.transmit(this.handlers.hello());
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = (event) => this.lost(event.code);
    this.heartbeat.begin();
    this.become('connecting', this.status.code);
  }

  /** @param {ClientFrame} frame @returns {boolean} false: not welcomed, nothing was sent */
  send(frame) {
    if (this.since !== null) this.transmit(frame);
    return this.since !== null;
  }

  /** Gives this connection up and comes back after a backoff: it is silent, or what it says has a hole. */
  drop() { this.lost(ABNORMAL); }

  /** For good. */
  close() {
    this.detach();
    this.presence.stop();
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
    if (this.since !== null && this.status.phase === 'offline') this.connected();
    const frame = decode(data);
    if (frame === null) return;
    if (frame.type === 'welcome') {
      this.since = this.env.now();
      this.heartbeat.watch(frame.heartbeat * 1000);
    }
    this.handlers.frame(frame);
    if (this.since === null) return;
    if (frame.type === 'welcome') this.connected();
    if (frame.type === 'drain') this.leave(frame.reconnect_in);
  }

  connected() { this.become(this.leaveAt === null ? 'live' : 'draining', null); }

  /** The replica goes. Another one can serve at once, so nobody waits for the close. @param {number} within ms */
  leave(within) {
    const wait = this.env.random() * within;
    this.leaveAt = this.env.now() + wait;
    this.timers.after('leave', wait, () => {
      this.handlers.parted(1001);
      this.open();
    });
    this.become('draining', null);
  }

  /** @param {number} code */
  lost(code) {
    const { since, leaveAt } = this;
    this.detach();
    if (since !== null) this.retries.lasted(this.env.now() - since);
    if (this.handlers.parted(code) === 'stop') return this.become('stopped', code);
    const wait = leaveAt !== null ? Math.max(0, leaveAt - this.env.now()) : this.retries.wait();
    this.timers.after('retry', wait, () => this.open());
    this.become('offline', code, this.env.now() + wait);
  }

  /** The network or the person came back: connect at once, or see whether the connection still lives. */
  woken() {
    if (this.status.phase === 'offline' && this.since === null) return this.open();
    this.heartbeat.probe();
  }

  /**
   * The browser says that there is no network. It may be wrong (a VPN, a server on this machine), and an answer may
   * be on its way: a person sees it at once, but the connection is asked, and any word from it is believed instead.
   */
  unplugged() {
    if (this.status.phase === 'connecting') return this.drop();
    if (this.since === null) return;
    this.become('offline', ABNORMAL);
    this.heartbeat.probe();
  }

  /** Somebody waits for a word of the other side: its silence is noticed sooner. @param {boolean} awaited */
  awaits(awaited) { this.heartbeat.expect(awaited && this.since !== null); }

  /** Forgets the socket: a late event of it must never reach the conversation. */
  detach() {
    this.timers.clear();
    const { socket } = this;
    Object.assign(this, { socket: null, since: null, leaveAt: null });
    if (socket) Object.assign(socket, { onopen: null, onmessage: null, onclose: null }).close(1000);
  }

  /** @param {Status['phase']} phase @param {number|null} code @param {number|null} [retryAt] */
  become(phase, code, retryAt = null) {
    this.status = status(phase, code, retryAt);
    this.handlers.status(this.status);
  }
}
