/** What a page is told of the connection, and when. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser } from './support.mjs';

const PHASES = /** @type {const} */ (['connecting', 'live', 'offline', 'draining', 'stopped']);

/** A tab, and every phase it told of, as `status` and under the phase's own name. */
function watched() {
  const browser = new Browser();
  const tab = browser.tab();
  /** @type {string[]} */
  const told = [];
  /** @type {string[]} */
  const named = [];
  tab.session.on('status', ({ phase }) => told.push(phase));
  for (const phase of PHASES) tab.session.on(phase, (status) => named.push(status.phase));
  return { browser, told, named, ...tab };
}

test('each phase is told once, as `status` and under its own name', () => {
  const { browser, session, told, named } = watched();
  browser.welcome().say({ type: 'drain', reconnect_in: 8000 });
  browser.clock.go(8_000);
  browser.welcome();
  browser.socket.end(1006);
  session.close();
  assert.deepEqual(told, ['live', 'draining', 'connecting', 'live', 'offline', 'stopped']);
  assert.deepEqual(named, told);
});

test('who hears `live` finds the welcome and what came with it', () => {
  const { browser, session } = watched();
  /** @type {any[]} */
  const found = [];
  session.on('live', () => found.push(session.welcome?.replica, session.caughtUp));
  browser.welcome();
  assert.deepEqual(found, ['r-1', true]);
});

test('offline says when it is tried again', () => {
  const { browser, session } = watched();
  browser.chance = 0;
  browser.welcome();
  browser.socket.end(1012);
  assert.deepEqual([session.status.retryAt, session.status.code], [browser.clock.time + 500, 1012]);
  assert.equal(session.status.meaning, 'The server is restarting.');
  browser.clock.go(500);
  assert.deepEqual([session.status.phase, session.status.retryAt], ['connecting', null]);
});

test('draining: messages still go and answers still come', () => {
  const { browser, session } = watched();
  browser.welcome().say({ type: 'drain', reconnect_in: 8000 });
  session.send('hello');
  assert.deepEqual([session.status.phase, browser.socket.of('send').length], ['draining', 1]);
  browser.clock.go(8_000);
  assert.deepEqual([session.status.phase, session.welcome, session.pending[0]?.state], ['connecting', null, 'queued']);
});

test('the browser says offline: shown at once, and the connection is asked before it is left', () => {
  const { browser, session, window } = watched();
  const socket = browser.welcome();
  window.fire('offline');
  assert.deepEqual([session.status.phase, session.status.retryAt, socket.of('ping').length], ['offline', null, 1]);
  browser.clock.go(4_900);
  assert.equal(socket.closed, false);
  browser.clock.go(200);
  assert.deepEqual([socket.closed, session.status.phase], [true, 'offline']);
});

test('the browser was wrong: any word is believed', () => {
  const { browser, session, window } = watched();
  const socket = browser.welcome();
  window.fire('offline');
  session.send('goes out all the same');
  socket.say({ type: 'pong', t: null });
  assert.deepEqual([session.status.phase, session.status.code, socket.of('send').length], ['live', null, 1]);
  browser.clock.go(6_000);
  assert.equal(browser.sockets.length, 1);
  socket.say({ type: 'drain', reconnect_in: 60_000 });
  window.fire('offline');
  socket.say({ type: 'pong', t: null });
  assert.equal(session.status.phase, 'draining');
});

test('offline while connecting: given up at once, tried again by itself and at `online`', () => {
  const { browser, session, window } = watched();
  window.fire('offline');
  assert.deepEqual([session.status.phase, browser.sockets.length], ['offline', 1]);
  window.fire('offline');
  window.fire('online');
  assert.deepEqual([session.status.phase, browser.sockets.length], ['connecting', 2]);
  window.fire('offline');
  browser.clock.go(20_000);
  assert(browser.sockets.length > 2, 'the browser may be wrong about being offline');
});

test('online while the connection is in doubt: it is asked, not dropped', () => {
  const { browser, window } = watched();
  const socket = browser.welcome();
  window.fire('offline');
  window.fire('online');
  assert.deepEqual([browser.sockets.length, socket.of('ping').length], [1, 1]);
  browser.clock.go(5_100);
  assert.equal(socket.closed, true);
});

test('4403 is told to the owner of the site, once and plainly', () => {
  const { browser, session } = watched();
  browser.socket.end(4403);
  browser.clock.go(60_000);
  assert.equal(session.status.phase, 'stopped');
  assert.equal(browser.printed.length, 1);
  assert(/https:\/\/shop\.test.*BATON_ALLOWED_ORIGINS/.test(browser.printed[0] ?? ''));
});

for (const event of /** @type {const} */ (['gone', 'status', 'offline', 'connecting', 'live', 'change'])) {
  test(`a page may close in the midst of \`${event}\`: then nothing runs on`, () => {
    const { browser, session, told, named } = watched();
    browser.welcome();
    session.on(event, () => { if (session.status.phase !== 'stopped') session.close(); });
    browser.socket.end(4404);
    browser.clock.go(2_000);
    if (!browser.socket.closed) browser.welcome();
    browser.clock.go(60_000);
    assert.deepEqual([session.status.phase, told.at(-1), named.at(-1)], ['stopped', 'stopped', 'stopped']);
    assert.equal(browser.clock.timers.length, 0);
    assert(browser.sockets.slice(1).every(({ closed }) => closed));
  });
}

for (const code of [4401, 4404]) {
  test(`${code} again and again: slower and slower, and said once for each conversation that there was`, () => {
    const { browser, session } = watched();
    browser.chance = 0.999999;
    let gone = 0;
    session.on('gone', () => { gone += 1; });
    browser.welcome();
    const waits = [];
    for (let n = 0; n < 7; n += 1) {
      browser.socket.onopen?.();
      browser.socket.end(code);
      waits.push((session.status.retryAt ?? 0) - browser.clock.time);
      browser.clock.go(waits.at(-1) ?? 0);
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
    assert.equal(gone, 1);
  });
}
