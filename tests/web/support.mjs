/**
 * What the tests of the client bring instead of a browser: a clock moved by hand, a network that does what a test says,
 * storage that can refuse. Nothing here may wait for real time.
 */

import { connect } from '../../app/web/sdk/session.js';

/** A clock that stands still until it is told to go. */
export class Clock {
  constructor() {
    this.time = 1_000_000;
    /** @type {{at: number, fn: () => void}[]} */
    this.timers = [];
  }

  /** @param {() => void} fn @param {number} ms */
  set(fn, ms) {
    const timer = { at: this.time + ms, fn };
    this.timers.push(timer);
    return timer;
  }

  /** @param {unknown} timer */
  clear(timer) { this.timers = this.timers.filter((one) => one !== timer); }

  /** Somebody puts the clock back; what is waited for comes no later. @param {number} ms */
  back(ms) {
    this.time -= ms;
    for (const timer of this.timers) timer.at -= ms;
  }

  /** Lets time pass, running what is due in order. @param {number} ms */
  go(ms) {
    const until = this.time + ms;
    for (;;) {
      const [next] = this.timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.clear(next);
      this.time = Math.max(this.time, next.at);
      next.fn();
    }
    this.time = until;
  }
}

/** What a WebSocket looks like from the page; the test plays the server. */
export class FakeSocket {
  /** @param {string} url @param {string[]} protocols */
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    /** @type {any[]} frames that the client sent */
    this.sent = [];
    this.closed = false;
    this.onopen = /** @type {any} */ (null);
    this.onmessage = /** @type {any} */ (null);
    this.onclose = /** @type {any} */ (null);
  }

  /** @param {any} text */
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }

  /** @param {object[]} frames that the server says */
  say(...frames) { for (const frame of frames) this.onmessage?.({ data: JSON.stringify(frame) }); }

  /** @param {number} code the server closes, or the network breaks with 1006 */
  end(code) { this.onclose?.({ code }); }

  /** @param {string} type @returns {any[]} frames of that type that the client sent */
  of(type) { return this.sent.filter((frame) => frame.type === type); }
}

/** @returns {Storage & {map: Map<string, string>}} one that works, in memory */
export function memoryStorage() {
  const map = new Map();
  return /** @type {any} */ ({
    map,
    get length() { return map.size; },
    key: (/** @type {number} */ n) => [...map.keys()][n] ?? null,
    getItem: (/** @type {string} */ key) => map.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void map.set(key, String(value)),
    removeItem: (/** @type {string} */ key) => void map.delete(key),
  });
}

/** Something that events can be fired at */
export class Target {
  constructor() {
    /** @type {Map<string, Set<(event: any) => void>>} */
    this.listeners = new Map();
    this.visibilityState = 'visible';
  }

  /** @param {string} name @param {(event: any) => void} fn */
  addEventListener(name, fn) { this.listeners.set(name, (this.listeners.get(name) ?? new Set()).add(fn)); }
  /** @param {string} name @param {(event: any) => void} fn */
  removeEventListener(name, fn) { this.listeners.get(name)?.delete(fn); }
  /** @param {string} name @param {object} [event] */
  fire(name, event = {}) { for (const fn of this.listeners.get(name) ?? []) fn(event); }
  /** How many listen. */
  get count() { return [...this.listeners.values()].reduce((sum, fns) => sum + fns.size, 0); }
}

/** Numbers that look random and are the same in each run. @param {number} seed */
export function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * The storage as one tab has it: what it writes is told to the others.
 * @param {() => Storage} real @param {(key: string, changed: boolean) => void} tell @returns {Storage}
 */
function shared(real, tell) {
  return /** @type {any} */ ({
    get length() { return real().length; },
    key: (/** @type {number} */ n) => real().key(n),
    getItem: (/** @type {string} */ key) => real().getItem(key),
    setItem(/** @type {string} */ key, /** @type {string} */ value) {
      const before = real().getItem(key);
      real().setItem(key, value);
      tell(key, before !== value);
    },
    removeItem(/** @type {string} */ key) {
      const before = real().getItem(key);
      real().removeItem(key);
      tell(key, before !== null);
    },
  });
}

/** One browser: its storage is shared by the tabs opened in it. */
export class Browser {
  /** @param {Storage|null} [storage] null: access throws */
  constructor(storage = memoryStorage()) {
    this.clock = new Clock();
    this.storage = storage;
    /** @type {FakeSocket[]} every connection of every tab, oldest first */
    this.sockets = [];
    this.chance = 0.5;
    this.ids = 0;
    /** @type {Target[]} the windows of its tabs */
    this.windows = [];
    /** @type {string[]} what was written to the console */
    this.printed = [];
    /** @type {string[]} keys that any tab wrote */
    this.writes = [];
  }

  /** @returns {FakeSocket} the newest connection */
  get socket() { return /** @type {FakeSocket} */ (this.sockets.at(-1)); }

  /** @param {object} [options] of `connect` */
  tab(options = {}) {
    const { sockets, clock } = this;
    const window = new Target();
    const document = new Target();
    const real = () => { if (this.storage === null) throw new Error('denied'); return this.storage; };
    const storage = shared(real, (key, changed) => {
      this.writes.push(key);
      if (!changed) return;
      for (const other of this.windows) if (other !== window) other.fire('storage', { key });
    });
    this.windows.push(window);
    class Socket extends FakeSocket {
      /** @param {string} url @param {string[]} protocols */
      constructor(url, protocols) { super(url, protocols); sockets.push(this); }
    }
    const session = connect({
      url: 'ws://server.test/ws', WebSocket: Socket, window, document,
      now: () => clock.time, setTimeout: (fn, ms) => clock.set(fn, ms), clearTimeout: (timer) => clock.clear(timer),
      random: () => this.chance, uuid: () => `id-${(this.ids += 1)}`,
      storage: () => { real(); return storage; },
      console: { error: (/** @type {string} */ line) => this.printed.push(line) }, origin: 'https://shop.test',
      ...options,
    });
    return { session, window, document };
  }

  /** The newest connection opens and is welcomed. @param {object} [fields] @returns {FakeSocket} */
  welcome(fields = {}) {
    this.socket.onopen?.();
    this.socket.say(welcome(fields));
    return this.socket;
  }
}

export const STATE = {
  auth: 'anonymous', customer_name: null, handoff: 'none', ticket: null, position: null, pending_query: null,
  action: 'none', ended: false,
};
const AT = '2030-01-01T00:00:00.000Z';

/** @param {object} [fields] @returns {any} */
export const welcome = (fields = {}) => ({
  type: 'welcome', session: 's1', token: 'token-s1', epoch: 'e1', seq: 0, recovered: false, oldest: 1, state: STATE,
  replica: 'r-1', heartbeat: 25, limits: { text: 8000, frame: 65536 }, ...fields,
});

/** @param {number} seq @param {object} [fields] @returns {any} a user's message that starts a turn */
export const asked = (seq, fields = {}) => ({
  type: 'message', seq, mark: `m${seq}`, id: `u${seq}`, role: 'user', text: `question ${seq}`, at: AT, turn: seq,
  name: null,
  ...fields,
});

/** @param {number} seq @param {number} turn @param {object} [fields] @returns {any} */
export const answered = (seq, turn, fields = {}) => (
  asked(seq, { id: `a${seq}`, role: 'assistant', text: `answer ${turn}`, turn, ...fields })
);

/** @param {number} seq @param {number} turn @param {object} [fields] @returns {any} */
export const ended = (seq, turn, fields = {}) => ({
  type: 'turn_end', seq, mark: `m${seq}`, at: AT, turn, status: 'completed', reason: null, ...fields,
});

/**
 * @param {number} turn @param {number} first @param {number} last @param {string} text @param {object} [fields]
 * @returns {any}
 */
export const delta = (turn, first, last, text, fields = {}) => (
  { type: 'delta', turn, attempt: 1, part: 0, first, last, text, ...fields }
);
