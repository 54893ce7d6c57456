/** A message goes into the conversation that it was written in or into none, whatever tabs, clocks and servers do. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser, asked, welcome } from './support.mjs';

const OUT = 'baton:server.test:out:';
const TOKEN = 'baton:server.test:token';
/** @typedef {import('../../app/web/sdk/session.js').Session} Session */
const waiting = (/** @type {Session} */ session) => session.pending.map(({ text, state }) => `${text} ${state}`);
/** @param {string} name @returns {any} the welcome to another conversation */
const other = (name) => welcome({ session: name, token: `token-${name}`, epoch: `e-${name}` });
/** @param {Browser} browser @returns {any[]} what was sent, by all */
const sent = (browser) => browser.sockets.flatMap((socket) => socket.of('send'));

/** A tab that writes before it is connected, and one in the conversation. */
function early() {
  const browser = new Browser();
  const live = browser.tab();
  const socket = browser.welcome();
  const late = browser.tab();
  const id = late.session.send('my account number');
  browser.clock.go(2_000);
  assert.deepEqual(socket.of('send').map((frame) => frame.id), [id], 'the tab that can sends it');
  return { browser, live, socket, late, id };
}

test('written before there was a conversation, sent by another tab: it does not go into the next one, too', () => {
  const { browser, live, socket, late, id } = early();
  socket.say({ type: 'ack', id, seq: 1, duplicate: false }, asked(1, { id }));
  assert.deepEqual(waiting(late.session), ['my account number acked']);
  live.session.restart();
  browser.welcome(other('s2'));
  const second = browser.sockets.at(1);
  second?.onopen();
  second?.say(other('s2'));
  browser.socket.onopen?.();
  browser.socket.say(other('s2'));
  assert.equal(late.session.transcript.session, 's2');
  assert.deepEqual([waiting(late.session), sent(browser).length], [[], 1]);
});

test('and not if nobody heard whether it was stored: then it waits to be asked about', () => {
  const { browser, live, socket, late, id } = early();
  assert.equal(JSON.parse(browser.storage?.getItem(OUT + id) ?? '').session, 's1', 'written before it is sent');
  socket.end(1006);
  live.session.close();
  browser.storage?.setItem(TOKEN, JSON.stringify({ token: 'token-s2', session: 's2' }));
  browser.sockets.at(1)?.onopen();
  browser.sockets.at(1)?.say(other('s2'));
  assert.deepEqual([waiting(late.session), sent(browser).length], [['my account number failed'], 1]);
});

test('retried in a tab between two conversations, and that tab is closed: another one sends it', () => {
  const browser = new Browser();
  browser.storage?.setItem(`${OUT}x`, JSON.stringify({ text: 'hi', at: 5, session: 'old', failed: true }));
  browser.tab();
  const socket = browser.welcome();
  const { session } = browser.tab();
  session.retry('x');
  session.close();
  browser.clock.go(2_000);
  assert.deepEqual(socket.of('send').map(({ id }) => id), ['x']);
});

test('what a tab was not told while it slept, it finds when it is back', () => {
  const browser = new Browser();
  const { session, window } = browser.tab();
  const ids = ['a', 'b', 'c'].map((text) => session.send(text));
  browser.windows.splice(browser.windows.indexOf(window), 1);
  browser.storage?.removeItem(OUT + ids[0]);
  browser.storage?.setItem(OUT + ids[1], JSON.stringify({ text: 'b', at: 2e6, session: 's1', failed: true, reason: 'text_invalid', note: 'No.' }));
  browser.storage?.setItem(OUT + ids[2], JSON.stringify({ text: 'c', at: 3e6, session: 'other', failed: false }));
  browser.storage?.setItem(`${OUT}d`, JSON.stringify({ text: 'd', at: 4e6, session: 's1', failed: false }));
  const socket = browser.welcome();
  assert.deepEqual(waiting(session), ['b failed', 'c failed', 'd sent']);
  assert.deepEqual(socket.of('send').map(({ id }) => id), ['d']);
});

test('a clock that is put back by hours holds nothing up', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome();
  const id = session.send('hello');
  socket.say({ type: 'error', code: 'rate_limited', message: 'Slower.', id, retry_after: 3 });
  browser.clock.back(3 * 3_600_000);
  browser.clock.go(4_000);
  assert.deepEqual(socket.of('send').map((frame) => frame.id), [id, id]);
});

test('no wait that a server asks for is longer than a minute, nor none at all', () => {
  for (const wait of [1e300, 1e9, -5, 'soon', {}, '30']) {
    const browser = new Browser();
    const { session } = browser.tab();
    const socket = browser.welcome();
    const id = session.send('hello');
    socket.say({ type: 'error', code: 'unavailable', message: 'Later.', id, retry_after: wait });
    browser.clock.go(499);
    assert.equal(socket.of('send').length, 1, String(wait));
    for (let n = 0; n < 60; n += 1) {
      browser.clock.go(1_000);
      socket.say({ type: 'pong', t: null });
    }
    assert(socket.of('send').length > 1, String(wait));
    assert(browser.clock.timers.length < 10);
  }
});

test('what is no string is sent as one', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome();
  session.send(/** @type {any} */ (5));
  assert.deepEqual(socket.of('send').map(({ text }) => text), ['5']);
});
