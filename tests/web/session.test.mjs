/** The client as a page uses it, against a server played by the test. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Browser, answered, asked, delta, ended, memoryStorage, welcome } from './support.mjs';

const TOKEN = 'baton:server.test:token';
/** @typedef {import('../../app/web/sdk/session.js').Session} Session */
const shown = (/** @type {Session} */ session) => session.transcript.events.map(({ seq }) => seq);
const waiting = (/** @type {Session} */ session) => session.pending.map(({ text, state }) => `${text} ${state}`);

test('a turn: sent, acked, shown, streamed, ended', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome();
  const id = session.send('hello');
  assert.deepEqual(socket.of('send'), [{ type: 'send', id, text: 'hello' }]);
  assert.deepEqual(waiting(session), ['hello sent']);
  socket.say({ type: 'ack', id, seq: 1, duplicate: false });
  assert.deepEqual(waiting(session), ['hello acked']);
  socket.say(asked(1, { id }), { type: 'turn_start', turn: 1, attempt: 1 }, delta(1, 0, 0, 'he'));
  assert.deepEqual([waiting(session), session.running?.turn, session.transcript.live?.text], [[], 1, 'he']);
  socket.say(answered(2, 1), ended(3, 1));
  assert.deepEqual([shown(session), session.running], [[1, 2, 3], null]);
});

test('reconnecting resumes after the last applied event', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome().say(asked(1), answered(2, 1));
  browser.socket.end(1006);
  browser.clock.go(1_000);
  const socket = browser.welcome({ recovered: true, seq: 3, replica: 'r-2' });
  assert.deepEqual(socket.of('hello')[0].after, { epoch: 'e1', seq: 2, mark: 'm2' });
  socket.say(ended(3, 1));
  assert.deepEqual([shown(session), session.welcome?.replica], [[1, 2, 3], 'r-2']);
});

test('reconnecting before the first event keeps the conversation', () => {
  const browser = new Browser();
  browser.tab();
  browser.welcome();
  browser.socket.end(1006);
  browser.clock.go(1_000);
  const socket = browser.welcome();
  assert.deepEqual(socket.of('hello')[0], { type: 'hello', token: 'token-s1', after: null, client: 'baton-web/1' });
});

test('a hole makes it connect again from the last event before it', () => {
  const browser = new Browser();
  browser.tab();
  browser.welcome().say(asked(1), ended(3, 1));
  assert.equal(browser.sockets[0]?.closed, true);
  browser.clock.go(1_000);
  assert.equal(browser.welcome({ recovered: true, seq: 3 }).of('hello')[0].after.seq, 1);
});

test('a reload keeps the conversation but not the cursor', () => {
  const browser = new Browser();
  browser.tab();
  browser.welcome().say(asked(1), answered(2, 1));
  browser.tab();
  const hello = browser.welcome({ seq: 2 }).of('hello')[0];
  assert.deepEqual([hello.token, hello.after], ['token-s1', null]);
});

test('unsent before a reload: sent after the replay, with the same id, unless the replay has it', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome();
  const [first, second] = [session.send('one'), session.send('two')];
  const { session: again } = browser.tab();
  const socket = browser.welcome({ seq: 1 });
  assert.deepEqual([waiting(again), socket.of('send')], [['one queued', 'two queued'], []]);
  socket.say(asked(1, { id: first }));
  assert.deepEqual(socket.of('send'), [{ type: 'send', id: second, text: 'two' }]);
});

test('acked but not shown when the connection broke: asked for again, never lost', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const id = session.send('hello');
  browser.welcome().say({ type: 'ack', id, seq: 1, duplicate: false });
  browser.socket.end(1012);
  browser.clock.go(1_000);
  assert.deepEqual(browser.welcome().of('send'), [{ type: 'send', id, text: 'hello' }]);
});

test('unavailable and rate_limited: the same id again, in order, when it is time', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome();
  const [a, b] = [session.send('one'), session.send('two')];
  socket.say({ type: 'error', code: 'rate_limited', message: 'Slower, please.', id: a, retry_after: 3 });
  browser.clock.go(2_900);
  assert.equal(socket.of('send').length, 1);
  browser.clock.go(200);
  socket.say({ type: 'ack', id: a, seq: 1, duplicate: false });
  assert.deepEqual(socket.of('send').map(({ id }) => id), [a, a, b]);
});

for (const code of [4404, 4401]) {
  test(`${code}: a new conversation; the unsent is kept and shown, and goes there only when asked to`, () => {
    const browser = new Browser();
    const { session } = browser.tab();
    /** @type {number[]} */
    const gone = [];
    session.on('gone', (event) => gone.push(event.code));
    const socket = browser.welcome();
    socket.say(asked(1));
    const id = session.send('my account number');
    socket.end(code);
    assert.deepEqual([gone, shown(session), waiting(session)], [[code], [], ['my account number queued']]);
    browser.clock.go(1_000);
    const next = browser.welcome({ session: 's2', token: 'token-s2' });
    assert.deepEqual([next.of('hello')[0].token, next.of('hello')[0].after, next.of('send')], [null, null, []]);
    assert.deepEqual(waiting(session), ['my account number failed']);
    session.retry(id);
    assert.deepEqual(next.of('send').map((frame) => frame.id), [id]);
  });
}

test('the conversation was erased while no page was open: what waits for it is not sent into the next one', () => {
  const browser = new Browser();
  const tab = browser.tab();
  browser.welcome().say(asked(1), answered(2, 1), ended(3, 1));
  browser.socket.end(1006);
  tab.session.send('my account number');
  tab.session.close();
  const { session } = browser.tab();
  /** @type {number[]} */
  const gone = [];
  session.on('gone', ({ code }) => gone.push(code));
  const first = browser.welcome({ seq: 0 });
  assert.deepEqual([gone, first.of('send'), first.closed], [[4404], [], true]);
  browser.clock.go(1_000);
  const next = browser.welcome({ session: 's2', token: 'token-s2' });
  assert.deepEqual([next.of('hello')[0].token, next.of('send'), waiting(session)], [null, [], ['my account number failed']]);
});

test('a conversation without an event yet is resumed by a reload', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome().end(1006);
  session.send('hello');
  session.close();
  browser.tab();
  const socket = browser.welcome();
  assert.deepEqual([socket.of('hello')[0].token, socket.of('send').length], ['token-s1', 1]);
});

test('two tabs of a site share a conversation; one that finds it gone takes the other along', () => {
  const browser = new Browser();
  const one = browser.tab();
  browser.welcome().say(asked(1));
  const two = browser.tab();
  const socket = browser.welcome({ seq: 1 });
  assert.equal(socket.of('hello')[0].token, 'token-s1');
  socket.end(4404);
  browser.clock.go(1_000);
  browser.welcome({ session: 's2', token: 'token-s2' });
  const [hello] = browser.welcome({ session: 's2', token: 'token-s2' }).of('hello');
  assert.deepEqual([hello.token, shown(one.session)], ['token-s2', []]);
  assert.equal(two.session.transcript.session, 's2');
});

test('a tab that fails with an older token does not remove a newer one', () => {
  const browser = new Browser();
  browser.tab();
  const socket = browser.welcome();
  browser.storage?.setItem(TOKEN, JSON.stringify({ token: 'token-s2', session: 's2' }));
  socket.end(4404);
  browser.clock.go(1_000);
  browser.socket.onopen?.();
  assert.equal(browser.socket.of('hello')[0].token, 'token-s2');
});

test('a message that is too long fails at once and stops nothing', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome({ limits: { text: 5, frame: 200 } });
  session.send('😀😀😀😀😀');
  session.send('123456');
  socket.say({ type: 'ack', id: 'id-1', seq: 1, duplicate: false });
  session.send('ok');
  assert.deepEqual([socket.of('send').map(({ id }) => id), waiting(session)[1]], [['id-1', 'id-3'], '123456 failed']);
});

test('1009: the message that broke the connection fails, and the connection comes back', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome();
  session.send('large');
  browser.socket.end(1009);
  assert.deepEqual([waiting(session), session.status.phase], [['large failed'], 'offline']);
});

test('commands are said again until the other side answered the ping behind them', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome();
  socket.say(asked(1), { type: 'turn_start', turn: 1, attempt: 1 });
  session.cancel();
  session.identify('jwt');
  assert.deepEqual(socket.sent.slice(1).map(({ type }) => type), ['cancel', 'ping', 'identify', 'ping']);
  socket.say({ type: 'pong', t: socket.of('ping')[0].t });
  socket.end(1006);
  session.end();
  browser.clock.go(1_000);
  const next = browser.welcome({ recovered: true, seq: 1 });
  assert.deepEqual(next.sent.slice(1).map(({ type }) => type), ['identify', 'end', 'ping']);
  next.say({ type: 'pong', t: next.of('ping')[0].t });
  next.end(1006);
  browser.clock.go(2_000);
  assert.deepEqual(browser.welcome({ recovered: true, seq: 1 }).sent.map(({ type }) => type), ['hello']);
});

test('cancel without a running turn says nothing', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome();
  session.cancel();
  assert.deepEqual(browser.socket.of('cancel'), []);
});

test('history: asked once, put before; a lost connection ends the wait', async () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome({ seq: 3 });
  socket.say(asked(3));
  const came = session.history(2);
  assert.equal(await session.history(2), false);
  assert.deepEqual(socket.of('history'), [{ type: 'history', before: 3, limit: 2 }]);
  socket.say({ type: 'history', events: [asked(1), ended(2, 1)], more: false });
  assert.deepEqual([await came, shown(session)], [true, [1, 2, 3]]);
  const other = new Browser();
  const tab = other.tab();
  other.welcome({ seq: 3 }).say(asked(3));
  const never = tab.session.history();
  other.socket.end(1006);
  assert.equal(await never, false);
});

test('a message that nobody answers is sent again, and a connection that stays silent is left', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  const socket = browser.welcome();
  const id = session.send('hello');
  for (let n = 0; n < 3; n += 1) {
    browser.clock.go(4_000);
    socket.say({ type: 'pong', t: null });
  }
  assert.deepEqual(socket.of('send').map((frame) => frame.id), [id, id]);
  browser.clock.go(9_100);
  assert.equal(socket.closed, true);
});

test('restart: a new conversation, at once', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome().say(asked(1));
  session.restart();
  browser.socket.onopen?.();
  assert.deepEqual([browser.socket.of('hello')[0].token, shown(session)], [null, []]);
});

test('everything works when storage throws', () => {
  const browser = new Browser(null);
  const { session } = browser.tab();
  browser.welcome();
  const id = session.send('hello');
  browser.socket.end(1006);
  browser.clock.go(1_000);
  const socket = browser.welcome();
  assert.deepEqual([socket.of('hello')[0].token, socket.of('send').map((frame) => frame.id)], ['token-s1', [id]]);
});

test('two servers on one site do not share a conversation', () => {
  const storage = memoryStorage();
  storage.setItem('baton:other.test:token', JSON.stringify({ token: 'theirs', session: 'x' }));
  const browser = new Browser(storage);
  browser.tab();
  browser.socket.onopen?.();
  assert.equal(browser.socket.of('hello')[0].token, null);
});

test('listeners can leave, and errors without a message are told', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  /** @type {string[]} */
  const told = [];
  const off = session.on('error', ({ code }) => told.push(code));
  const frame = { type: 'error', code: 'unauthorized', message: 'Please sign in again.', id: null, retry_after: null };
  browser.welcome().say(frame);
  off();
  browser.socket.say(frame, welcome());
  assert.deepEqual(told, ['unauthorized']);
});
