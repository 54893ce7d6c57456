/** What a hostile server, a clock, a listener in the wrong moment and a change of conversation can't do to a session. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { SafeStorage } from '../../app/web/sdk/storage.js';
import { Identity } from '../../app/web/widget/identity.js';
import { EN } from '../../app/web/widget/words.js';
import { arranged, eventRows, liveRows, pendingRows } from '../../app/web/widget/rows.js';
import { Browser, STATE, answered, asked, delta, ended, seeded, welcome } from './support.mjs';

const OTHER = welcome({ session: 's2', token: 'token-s2', epoch: 'e2' });

test('the clock is put back by hours: a dead connection is noticed all the same', () => {
  for (const awaited of [false, true]) {
    const browser = new Browser();
    const { session } = browser.tab();
    const socket = browser.welcome();
    if (awaited) session.send('hello');
    browser.clock.back(3 * 3_600_000);
    browser.clock.go(awaited ? 10_000 : 60_000);
    assert.equal(socket.closed, true);
  }
});

test('no time that a server names makes the page spin', () => {
  for (const n of [0, -1, 1e9, 1e300, '25', null, undefined, {}, [25]]) {
    for (const frame of [welcome({ heartbeat: n }), { type: 'drain', reconnect_in: n }]) {
      const browser = new Browser();
      /** @type {number[]} */
      const set = [];
      browser.tab({ setTimeout: (/** @type {() => void} */ fn, /** @type {number} */ ms) => {
        set.push(ms);
        return browser.clock.set(fn, ms);
      } });
      browser.socket.onopen();
      browser.socket.say(...(frame.type === 'drain' ? [welcome(), frame] : [frame]));
      browser.clock.go(60_000);
      assert(set.length < 200 && set.every((ms) => ms < 2 ** 31), JSON.stringify([frame.type, n, set.slice(0, 9)]));
    }
  }
});

/** Anything that JSON can say. @param {() => number} random @returns {any} */
const anything = (random) => [
  null, true, '', 'x', 0, -1, 1.5, 2 ** 53, 1e300, [], {}, [null], { text: 1 }, JSON.parse('{"__proto__":{"x":1}}'), undefined,
][Math.floor(random() * 15)];

test('frames of any shape: nothing throws, nothing spins, and what is shown can be drawn', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const random = seeded(seed);
    const browser = new Browser();
    const { session } = browser.tab();
    const good = [
      welcome({ seq: 3 }), asked(1), { type: 'turn_start', turn: 1, attempt: 1 }, delta(1, 0, 0, 'a'), answered(2, 1), ended(3, 1),
      { type: 'state', seq: 4, mark: 'm4', at: asked(1).at, turn: null, state: STATE },
      { type: 'history', events: [asked(1), asked(2)], more: true }, { type: 'ack', id: 'id-1', seq: 1, duplicate: false },
      { type: 'error', code: 'unavailable', message: 'No.', id: 'id-1', retry_after: 1 }, { type: 'pong', t: 1 },
      { type: 'typing', role: 'agent', name: 'x', active: true }, { type: 'drain', reconnect_in: 1000 },
    ];
    let history = 0;
    for (let n = 0; n < 40; n += 1) {
      if (!browser.socket.closed) browser.socket.onopen?.();
      if (n % 10 === 0) browser.socket.say(welcome({ seq: 3, oldest: 1 }), asked(3));
      session.send('hello');
      void session.history().then(() => { history += 1; });
      session.identify('jwt');
      const frame = { ...good[Math.floor(random() * good.length)] };
      const keys = Object.keys(frame);
      const key = keys[Math.floor(random() * keys.length)] ?? '';
      if (key === 'events' && random() < 0.5) frame.events = [asked(1), anything(random)];
      else if (key !== 'type' || random() < 0.2) frame[key] = anything(random);
      browser.socket.say(frame);
      session.send('there');
      const { transcript, pending } = session;
      for (const { text, at } of arranged([...eventRows(transcript.events, EN), ...liveRows(transcript), ...pendingRows(pending, EN)])) {
        assert.equal(typeof text, 'string');
        if (at !== null) new Date(at).toISOString();
      }
      const before = browser.clock.timers.length;
      browser.clock.go(100);
      assert(browser.clock.timers.length <= Math.max(before, 10));
      await null;
    }
    session.close();
    await null;
    assert.equal(browser.clock.timers.length, 0);
    assert.equal(history, 40, 'nobody waits for a page for ever');
  }
});

test('empty and unfitting pages of history end the wait and the search', async () => {
  for (const events of [[], [asked(7)], 'garbage', null, [null], [asked(1), {}]]) {
    const browser = new Browser();
    const { session } = browser.tab();
    browser.welcome({ seq: 3 }).say(asked(3));
    const came = session.history();
    browser.socket.say({ type: 'history', events, more: true });
    assert.equal(await came, false, JSON.stringify(events));
  }
});

test('a note and a message of the same number are two rows: conversations follow each other while nobody draws', () => {
  const [note] = eventRows([ended(3, 1, { status: 'failed' })], EN);
  const [message] = eventRows([asked(3, { role: 'agent', turn: null })], EN);
  assert.notEqual(note?.key, message?.key);
});

for (const [event, type] of /** @type {const} */ ([['draining', ''], ['frame', 'hello'], ['frame', 'welcome'], ['frame', 'send'], ['frame', 'message'], ['frame', 'drain']])) {
  test(`a page may close in the midst of \`${event}\`, too ${type}`, () => {
    const browser = new Browser();
    const { session } = browser.tab();
    session.on(event, (/** @type {any} */ what) => { if (type === '' || what.frame.type === type) session.close(); });
    session.send('hello');
    browser.welcome().say(asked(1), { type: 'drain', reconnect_in: 1000 });
    browser.clock.go(60_000);
    assert.deepEqual([session.status.phase, session.welcome], ['stopped', null]);
    assert.deepEqual([browser.clock.timers.length, browser.sockets.length], [0, 1]);
  });
}

test('signed in and out again while offline: the next conversation hears of neither', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome().say(asked(1));
  browser.socket.end(1006);
  session.identify('ada');
  session.signOut();
  session.restart();
  const next = browser.welcome(OTHER);
  assert.deepEqual([next.of('identify'), next.of('sign_out')], [[], []]);
});

test('only the last word on who the customer is is said', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  for (const token of ['ada', 'bob']) session.identify(token);
  session.cancel(1);
  session.signOut();
  session.identify('eve');
  const socket = browser.welcome();
  assert.deepEqual(socket.sent.slice(1).map(({ type, token }) => token ?? type), ['cancel', 'eve', 'ping']);
});

test('what was asked of a conversation is not asked of the next, when a tab that slept finds another one', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome().say(asked(1));
  browser.socket.end(1006);
  session.end();
  session.cancel(1);
  browser.storage?.setItem('baton:server.test:token', JSON.stringify({ token: 'token-s2', session: 's2' }));
  browser.clock.go(1_000);
  assert.deepEqual(browser.welcome({ ...OTHER, seq: 1 }).sent.map(({ type }) => type), ['hello']);
});

test('a site that takes its time to say who the customer is: nothing is said in another conversation than it was asked for', async () => {
  /** @type {any} */
  const session = { said: [], welcome: {}, transcript: { session: 's1', state: STATE }, identify(/** @type {string} */ token) { this.said.push(token); } };
  const identity = new Identity(session, new SafeStorage(() => null, 'p:'));
  /** @type {((token: string) => void)[]} */
  const asked = [];
  identity.set(() => new Promise((resolve) => { asked.push(resolve); }));
  session.transcript = { session: 's2', state: STATE };
  void identity.check();
  asked[0]?.('for s1');
  asked[1]?.('for s2');
  await new Promise((done) => { setTimeout(done, 0); });
  assert.deepEqual(session.said, ['for s2']);
});
