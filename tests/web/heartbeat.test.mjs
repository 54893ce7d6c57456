/** A replica that hangs is left soon by whoever waits for it, and a slow one never. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser, answered, asked, delta, ended, welcome } from './support.mjs';

/** A tab whose question is being answered. */
function asking() {
  const browser = new Browser();
  const tab = browser.tab();
  const socket = browser.welcome();
  socket.say(asked(1), { type: 'turn_start', turn: 1, attempt: 1 }, delta(1, 0, 0, 'he'));
  return { browser, socket, ...tab };
}

test('silent in mid-answer: asked after 4 s, left after 9 s, elsewhere within 10', () => {
  const { browser, socket, session } = asking();
  browser.chance = 0.999999;
  browser.clock.go(3_900);
  assert.equal(socket.of('ping').length, 0);
  browser.clock.go(200);
  assert.equal(socket.of('ping').length, 1);
  browser.clock.go(4_800);
  assert.equal(socket.closed, false);
  browser.clock.go(1_100);
  assert.deepEqual([socket.closed, browser.sockets.length], [true, 2]);
  browser.welcome({ recovered: true, seq: 1 });
  assert.equal(session.transcript.live?.text, 'he');
});

test('a message that is not acknowledged is waited for, too', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome();
  browser.clock.go(12_000);
  browser.socket.say({ type: 'pong', t: null });
  session.send('hello');
  browser.clock.go(3_900);
  assert.equal(browser.socket.of('ping').length, 0, 'the silence before it does not count');
  browser.clock.go(5_200);
  assert.equal(browser.sockets[0]?.closed, true);
});

test('an agent that thinks for a minute costs pings, not the connection', () => {
  const { browser, socket } = asking();
  let heard = 0;
  for (let ms = 0; ms < 60_000; ms += 100) {
    browser.clock.go(100);
    if (socket.of('ping').length > heard) socket.say({ type: 'pong', t: null });
    heard = socket.of('ping').length;
  }
  assert.deepEqual([socket.closed, browser.sockets.length], [false, 1]);
  assert(heard >= 13 && heard <= 15, `${heard} pings`);
  socket.say(answered(2, 1), ended(3, 1));
  browser.clock.go(20_000);
  assert.equal(socket.of('ping').length, heard, 'nothing is awaited any more');
});

test('while words come, it asks nothing', () => {
  const { browser, socket } = asking();
  for (let n = 1; n < 20; n += 1) {
    browser.clock.go(3_000);
    socket.say(delta(1, n, n, '.'));
  }
  assert.equal(socket.of('ping').length, 0);
});

test('a pong that comes late is in time for the next question', () => {
  const { browser, socket } = asking();
  browser.clock.go(8_500);
  socket.say({ type: 'pong', t: null });
  browser.clock.go(8_900);
  assert.deepEqual([socket.closed, socket.of('ping').length], [false, 2]);
});

test('a hidden tab: a timer that comes late asks again instead of judging', () => {
  const { browser, socket } = asking();
  const slow = (/** @type {number} */ ms) => {
    browser.clock.time += ms; // the timers slept, nothing was heard
    browser.clock.go(0);
  };
  slow(20_000);
  assert.deepEqual([socket.closed, socket.of('ping').length], [false, 1]);
  slow(20_000);
  assert.equal(socket.closed, false);
  assert(socket.of('ping').length >= 2);
  socket.say({ type: 'pong', t: null });
  browser.clock.go(3_000);
  assert.equal(socket.closed, false);
  browser.clock.go(7_000);
  assert.equal(socket.closed, true, 'timers are as they were');
});

test('reconnected: the impatience begins anew', () => {
  const { browser, socket } = asking();
  socket.end(1006);
  browser.clock.go(1_000);
  const next = browser.welcome({ recovered: true, seq: 1 });
  browser.clock.go(9_100);
  assert.deepEqual([next.of('ping').length, next.closed], [1, true]);
  browser.clock.go(2_000);
  browser.socket.say(welcome());
  assert.equal(browser.sockets.length, 3);
});

test('a frame that needs longer than that comes through in the end, and then it is as impatient as before', () => {
  const { browser } = asking();
  browser.chance = 0;
  /** @returns {number} seconds of silence until it connected anew */
  const left = () => {
    const { length } = browser.sockets;
    let ms = 0;
    for (; browser.sockets.length === length; ms += 100) browser.clock.go(100);
    browser.welcome({ recovered: true, seq: browser.sockets.length > 3 ? 2 : 1 });
    return Math.round(ms / 1000);
  };
  assert.deepEqual([left(), left()], [10, 15]);
  browser.clock.go(20_000);
  browser.socket.say(answered(2, 1));
  assert.deepEqual([left(), left(), left(), left()], [10, 15, 25, 25]);
});
