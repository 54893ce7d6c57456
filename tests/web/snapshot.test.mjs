/** The value that views compare: another object if and only if something to show has changed. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser, answered, asked, delta, ended } from './support.mjs';

test('the same object until something changes, and frozen', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const { snapshot } = session;
  assert(Object.isFrozen(snapshot));
  assert.equal(session.snapshot, snapshot);
  let told = 0;
  const stop = session.subscribe(() => { told += 1; });
  const socket = browser.welcome();
  assert.notEqual(session.snapshot, snapshot);
  const [now, before] = [session.snapshot, told];
  socket.say({ type: 'pong', t: null }, { type: 'heartbeat' }, { type: 'ack', id: 'unknown', seq: 9, duplicate: true });
  assert.deepEqual([session.snapshot === now, told], [true, before]);
  stop();
  session.send('hello');
  assert.deepEqual([told, session.snapshot.pending.length], [before, 1]);
});

test('it holds what the getters say, at every step', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const seen = new Set();
  session.subscribe(() => {
    const { status, transcript, pending, running, welcome, caughtUp, context } = session;
    assert.deepEqual(session.snapshot, { status, transcript, pending, running, welcome, caughtUp, context });
    assert(!seen.has(session.snapshot), 'each is new');
    seen.add(session.snapshot);
  });
  const socket = browser.welcome();
  const id = session.send('hello');
  socket.say({ type: 'ack', id, seq: 1, duplicate: false }, asked(1, { id }));
  socket.say({ type: 'turn_start', turn: 1, attempt: 1 }, delta(1, 0, 0, 'he'), answered(2, 1), ended(3, 1));
  socket.end(1006);
  assert(seen.size >= 8);
});

test('a message that waits for its time and then goes is told, too', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const id = session.send('hello');
  browser.welcome().say({ type: 'error', code: 'rate_limited', message: 'Slower.', id, retry_after: 3 });
  assert.equal(session.snapshot.pending[0]?.state, 'queued');
  browser.clock.go(3_100);
  assert.equal(session.snapshot.pending[0]?.state, 'sent');
});

test('caught up: only when the replay is through', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome({ seq: 2 });
  socket.say(asked(1));
  assert.equal(session.caughtUp, false);
  socket.say(ended(2, 1));
  assert.equal(session.caughtUp, true);
});
