/** What each close, silence and drain makes the client do. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { CLOSE_CODES, closeAction } from '../../app/web/sdk/protocol.js';
import { Browser, welcome } from './support.mjs';

/** A tab that is welcomed, and the sockets it opens. */
function open() {
  const browser = new Browser();
  const tab = browser.tab();
  browser.welcome();
  return { browser, ...tab };
}

test('it offers the subprotocol and says hello first', () => {
  const { browser } = open();
  assert.deepEqual(browser.socket.protocols, ['baton.v1']);
  assert.deepEqual(browser.socket.sent, [{ type: 'hello', token: null, after: null, client: 'baton-web/1' }]);
});

test('every close code of the protocol does what the protocol says', () => {
  const again = [1001, 1006, 1011, 1012, 1013, 4408, 4420, 4429];
  const stop = [1000, 1009, 4400, 4403];
  const anew = [4401, 4404];
  for (const code of [...again, ...stop, ...anew]) {
    const { browser, session } = open();
    browser.socket.end(code);
    assert.equal(session.status.phase, stop.includes(code) ? 'stopped' : 'offline', `${code}`);
    browser.clock.go(60_000);
    assert.equal(browser.sockets.length > 1, !stop.includes(code), `${code}`);
    if (stop.includes(code)) continue;
    browser.socket.onopen?.();
    const hello = browser.socket.of('hello').at(-1);
    assert.equal(hello.token, anew.includes(code) ? null : 'token-s1', `${code}`);
  }
  assert.deepEqual(Object.keys(CLOSE_CODES).map(Number).filter((code) => closeAction(code) === 'stop'), stop);
});

test('the wait grows while nobody welcomes, and starts anew after a good connection', () => {
  const { browser, session } = open();
  browser.chance = 0.999999;
  browser.clock.go(6_000);
  const waits = [];
  for (let n = 0; n < 4; n += 1) {
    const count = browser.sockets.length;
    const from = browser.clock.time;
    browser.socket.end(1013);
    assert.equal(session.status.phase, 'offline');
    while (browser.sockets.length === count) browser.clock.go(100);
    waits.push(browser.clock.time - from);
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
  browser.welcome();
  browser.clock.go(6_000);
  const from = browser.clock.time;
  browser.socket.end(1006);
  while (session.status.phase === 'offline') browser.clock.go(100);
  assert.equal(browser.clock.time - from, 1000);
});

test('welcomed and lost again at once: the wait grows all the same', () => {
  const { browser, session } = open();
  browser.chance = 0.999999;
  const waits = [];
  for (let n = 0; n < 4; n += 1) {
    browser.socket.end(1006);
    waits.push((session.status.retryAt ?? 0) - browser.clock.time);
    browser.clock.go(waits.at(-1) ?? 0);
    browser.welcome();
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000]);
});

test('idle: a ping each beat, and the pong keeps the connection', () => {
  const { browser } = open();
  const { socket } = browser;
  for (let beat = 0; beat < 8; beat += 1) {
    const asked = socket.of('ping').length;
    browser.clock.go(25_000);
    if (socket.of('ping').length > asked) socket.say({ type: 'pong', t: null });
  }
  assert(socket.of('ping').length >= 4);
  assert.equal(browser.sockets.length, 1);
});

test('silent for two beats: another connection', () => {
  const { browser } = open();
  browser.clock.go(49_000);
  assert.equal(browser.sockets.length, 1);
  browser.clock.go(3_000);
  assert.equal(browser.sockets.length, 2);
  assert.equal(browser.sockets[0]?.closed, true);
});

test('no welcome in time: another connection', () => {
  const browser = new Browser();
  browser.tab();
  browser.clock.go(12_000);
  assert.equal(browser.sockets.length, 2);
});

test('what a left socket still says reaches nobody', () => {
  const { browser, session } = open();
  const old = browser.socket;
  const { onmessage } = old;
  session.reconnect();
  assert.deepEqual([old.onmessage, old.closed], [null, true]);
  assert.notEqual(onmessage, null);
  browser.welcome();
  old.say(welcome({ session: 'other' }));
  assert.equal(session.transcript.session, 's1');
});

test('drain: it moves at a random moment within the time given, without waiting for the close', () => {
  const { browser } = open();
  browser.chance = 0.25;
  browser.socket.say({ type: 'drain', reconnect_in: 8000 });
  browser.clock.go(1999);
  assert.equal(browser.sockets.length, 1);
  browser.clock.go(2);
  assert.deepEqual([browser.sockets.length, browser.sockets[0]?.closed], [2, true]);
});

test('drain: a close before that moment does not bring everybody back at once', () => {
  const { browser } = open();
  browser.chance = 0.5;
  browser.socket.say({ type: 'drain', reconnect_in: 8000 });
  browser.clock.go(1000);
  browser.socket.end(1012);
  browser.clock.go(2900);
  assert.equal(browser.sockets.length, 1);
  browser.clock.go(200);
  assert.equal(browser.sockets.length, 2);
});

test('back online while waiting: at once', () => {
  const { browser, window, document } = open();
  browser.socket.end(1006);
  document.visibilityState = 'hidden';
  document.fire('visibilitychange');
  assert.equal(browser.sockets.length, 1);
  document.visibilityState = 'visible';
  window.fire('online');
  assert.equal(browser.sockets.length, 2);
});

test('seen again while connected: it asks, and leaves a connection that is dead', () => {
  const { browser, document } = open();
  document.fire('visibilitychange');
  assert.equal(browser.socket.of('ping').length, 1);
  browser.socket.say({ type: 'pong', t: null });
  browser.clock.go(6_000);
  assert.equal(browser.sockets.length, 1);
  document.fire('visibilitychange');
  browser.clock.go(6_000);
  assert.equal(browser.sockets.length, 2);
});

test('closed by the page: nothing runs on', () => {
  const { browser, session, window, document } = open();
  session.send('hello');
  session.close();
  window.fire('online');
  document.fire('visibilitychange');
  browser.clock.go(120_000);
  assert.deepEqual([browser.sockets.length, browser.clock.timers.length], [1, 0]);
});

test('frames that no server sends are ignored', () => {
  const { browser, session } = open();
  for (const data of ['{', 'null', '[]', '"welcome"', '{"type":5}']) browser.socket.onmessage({ data });
  browser.socket.say({ type: 'message_of_next_year', seq: 1 });
  assert.deepEqual([session.status.phase, session.transcript.seq], ['live', 0]);
});
