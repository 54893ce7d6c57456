/**
 * Random lives of a few tabs of one browser, against a server that keeps the protocol: connections break, conversations
 * are left, erased and forked, tabs come and go and sleep, clocks are put back. Whatever happens, each message is in the
 * end where it was written for, once and in order, or is shown as failed; and each tab shows what is stored.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser, STATE, answered, asked, ended, seeded, welcome } from './support.mjs';

const RUNS = 60;
const HARD = 400;
const CALM = 4_000;

/** A conversation as the server has it, its connections among it. @typedef {{id: string, epoch: string, log: any[], gone: boolean}} Kept */

class Server {
  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
    /** @type {Kept[]} */
    this.kept = [];
    /** @type {Set<any>} */
    this.sockets = new Set();
  }

  /** @param {any} socket of a tab: what either side says waits until it is brought over */
  meet(socket) {
    if (this.sockets.has(socket)) return;
    this.sockets.add(socket);
    Object.assign(socket, { there: [], back: [], alive: true, kept: null });
    const { send } = socket;
    socket.send = (/** @type {string} */ text) => { send.call(socket, text); socket.there.push(JSON.parse(text)); };
  }

  /** @param {any} socket @param {number} code 0: nobody is told */
  cut(socket, code) {
    socket.alive = false;
    if (code > 0) socket.end(code);
  }

  /** @param {Kept} kept @param {any} event */
  store(kept, event) {
    kept.log.push({ ...event, mark: `${kept.epoch}-${event.seq}` });
    for (const socket of this.sockets) if (socket.kept === kept && socket.alive) socket.back.push(kept.log.at(-1));
  }

  /** @param {any} socket @param {any} frame */
  take(socket, frame) {
    const { kept } = socket;
    if (frame.type === 'hello') return this.greet(socket, frame);
    if (kept === null || kept.gone) return undefined;
    if (frame.type === 'ping') return socket.back.push({ type: 'pong', t: frame.t });
    if (frame.type !== 'send') return undefined;
    const { id, text } = frame;
    const known = kept.log.find((/** @type {any} */ event) => event.id === id);
    if (known) return socket.back.push({ type: 'ack', id, seq: known.seq, duplicate: true });
    if (/[37]7$/.test(id)) return socket.back.push({ type: 'error', code: 'text_invalid', message: 'No.', id, retry_after: null });
    if (this.random() < 0.1) return socket.back.push({ type: 'error', code: 'unavailable', message: 'Later.', id, retry_after: null });
    const seq = kept.log.length + 1;
    socket.back.push({ type: 'ack', id, seq, duplicate: false });
    this.store(kept, asked(seq, { id, text }));
    this.store(kept, answered(seq + 1, seq));
    return this.store(kept, ended(seq + 2, seq));
  }

  /** @param {any} socket @param {any} hello */
  greet(socket, { token, after }) {
    if (token === null) this.kept.push({ id: `s${this.kept.length + 1}`, epoch: `e${this.kept.length + 1}`, log: [], gone: false });
    const kept = token === null ? this.kept.at(-1) : this.kept.find(({ id }) => id === token);
    if (kept === undefined || kept.gone) return socket.back.push(4404);
    const recovered = after !== null && after.epoch === kept.epoch && kept.log[after.seq - 1]?.mark === after.mark;
    const rest = kept.log.slice(recovered ? after.seq : Math.max(0, kept.log.length - 200));
    socket.kept = kept;
    const { id, epoch, log } = kept;
    return socket.back.push(welcome({ session: id, token: id, epoch, seq: log.length, recovered, state: STATE }), ...rest);
  }

  /** The store lost its newest events. @param {Kept} kept @returns {string[]} ids of messages */
  fork(kept) {
    kept.epoch += 'f';
    for (const socket of this.sockets) if (socket.kept === kept) socket.back.push(1012);
    return kept.log.splice(Math.max(0, kept.log.length - 4)).map(({ id }) => id);
  }
}

/** @param {number} seed */
function life(seed) {
  const random = seeded(seed);
  const browser = new Browser();
  Object.defineProperty(browser, 'chance', { get: random, set: () => {} });
  const server = new Server(random);
  /** @type {any[]} */
  const tabs = [browser.tab()];
  /** @type {Map<string, {session: string|null, n: number, tab: any, free: boolean}>} free: lost by the store, retried or discarded */
  const written = new Map();
  const one = (/** @type {any[]} */ of) => of[Math.floor(random() * of.length)];
  const free = (/** @type {string} */ id) => { const message = written.get(id); if (message) message.free = true; };

  /** The network brings something over. @param {number} chance */
  function network(chance) {
    for (const socket of browser.sockets) server.meet(socket);
    const alive = /** @type {any[]} */ (browser.sockets).filter((socket) => socket.alive && !socket.closed);
    if (chance < 0.2) {
      const socket = one(alive.filter(({ opened }) => !opened));
      if (socket) Object.assign(socket, { opened: true }).onopen?.();
    } else if (chance < 0.5) {
      const socket = one(/** @type {any[]} */ (browser.sockets).filter(({ alive: on, there }) => on && there.length > 0));
      if (socket) server.take(socket, socket.there.shift());
    } else {
      const socket = one(alive.filter(({ back }) => back.length > 0));
      const frame = socket?.back.shift();
      if (typeof frame === 'number') server.cut(socket, frame);
      else if (frame) socket.say(frame);
    }
  }

  /** Something happens to the person, the tabs or the server. @param {number} chance */
  function event(chance) {
    const tab = one(tabs);
    const { session } = tab;
    const kept = one(server.kept.filter(({ gone }) => !gone));
    if (chance < 0.5) {
      const before = session.transcript.session;
      written.set(session.send('text'), { session: before, n: written.size, tab, free: false });
    } else if (chance < 0.65) {
      const socket = one(browser.sockets.filter((/** @type {any} */ { alive, closed }) => alive && !closed));
      if (socket) server.cut(socket, one([0, 1006, 1012]));
    } else if (chance < 0.7) session.restart();
    else if (chance < 0.72 && kept) {
      kept.gone = true;
      for (const socket of server.sockets) if (socket.kept === kept) socket.back.push(4404);
    } else if (chance < 0.77 && tabs.length < 4) tabs.push(browser.tab());
    else if (chance < 0.82 && tabs.length > 1) {
      tabs.splice(tabs.indexOf(tab), 1);
      browser.windows.splice(browser.windows.indexOf(tab.window), 1);
      session.close();
    } else if (chance < 0.88) {
      const failed = session.pending.find((/** @type {any} */ { state }) => state === 'failed');
      if (failed) { free(failed.id); session[one(['retry', 'discard'])](failed.id); }
    } else if (chance < 0.94) tab.window.fire(one(['online', 'offline']));
    else if (chance < 0.97) tab.document.fire('visibilitychange');
    else if (chance < 0.985 && kept) server.fork(kept).forEach(free);
    else browser.clock.back(random() * 4 * 3_600_000);
  }

  for (let n = 0; n < HARD + CALM; n += 1) {
    const chance = random();
    if (chance < 0.7) network(random());
    else if (chance < 0.8) browser.clock.go(random() * 3_000);
    else if (n < HARD) event(random());
  }
  return { browser, server, tabs, written };
}

test(`${RUNS} random lives of a few tabs: nothing is lost, doubled, misplaced or out of order`, () => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    const { browser, server, tabs, written } = life(seed);
    const stored = server.kept.flatMap(({ id: session, log }) => log.filter(({ role }) => role === 'user').map(({ id }) => ({ id, session })));
    for (const [id, { session, free }] of written) {
      const where = stored.filter((event) => event.id === id);
      const shown = tabs.map((tab) => tab.session.pending.find((/** @type {any} */ entry) => entry.id === id)?.state ?? 'none');
      const what = JSON.stringify({ seed, id, session, where, shown });
      assert(free || where.length <= 1, `doubled: ${what}`);
      assert(free || session === null || where.every((event) => event.session === session), `misplaced: ${what}`);
      assert(free || where.length > 0 || shown.every((state) => state === 'failed'), `lost or stuck: ${what}`);
      assert(shown.every((state) => state === 'none' || state === 'failed'), `stuck: ${what}`);
    }
    for (const { id, log } of server.kept) {
      const order = log.filter(({ role }) => role === 'user').map((event) => written.get(event.id)).filter((message) => message && !message.free);
      for (const tab of new Set(order.map((message) => message?.tab))) {
        const mine = order.filter((message) => message?.tab === tab).map((message) => message?.n ?? 0);
        assert.deepEqual(mine, [...mine].sort((a, b) => a - b), `order: ${seed} ${id}`);
      }
    }
    for (const { session: { transcript } } of tabs) {
      const log = server.kept.find(({ id }) => id === transcript.session)?.log ?? [];
      assert.deepEqual(transcript.events, log.slice(-200).slice(-transcript.events.length), `shown: ${seed}`);
      assert.equal(transcript.session, tabs[0].session.transcript.session, `together: ${seed}`);
    }
    assert(browser.clock.timers.length <= 6 * tabs.length, `timers: ${seed}`);
  }
});
