/** The tabs of one browser: one conversation, one outbox, each its own cursor. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { MOST_ENTRIES } from '../../app/web/sdk/outbox.js';
import { Browser, asked, welcome } from './support.mjs';

const OUT = 'baton:server.test:out:';
/** @typedef {import('../../app/web/sdk/session.js').Session} Session */
const waiting = (/** @type {Session} */ session) => session.pending.map(({ text, state }) => `${text} ${state}`);
/** @param {object} fields @returns {string} a record as another tab writes it */
const record = (fields) => JSON.stringify({ text: 'hi', at: 5, session: 's1', failed: false, ...fields });

/** The welcome to the conversation after that one. */
const SECOND = welcome({ session: 's2', token: 'token-s2', epoch: 'e2' });

/** Two tabs that are welcomed in the same conversation. @param {object} [fields] of the second welcome */
function pair(fields = {}) {
  const browser = new Browser();
  const a = browser.tab();
  const first = browser.welcome();
  const b = browser.tab();
  const second = browser.welcome(fields);
  return { browser, a, b, first, second };
}

test('the token is shared, the cursor is each tab\'s own', () => {
  const { browser, a, first } = pair();
  first.say(asked(1), asked(2));
  browser.tab();
  const [hello] = browser.welcome({ seq: 2 }).of('hello');
  assert.deepEqual([hello.token, hello.after], ['token-s1', null]);
  first.end(1006);
  browser.clock.go(1_000);
  browser.socket.onopen?.();
  assert.deepEqual(browser.socket.of('hello')[0].after, { epoch: 'e1', seq: 2, mark: 'm2' });
  assert.equal(a.session.transcript.seq, 2);
});

test('two tabs that begin at the same time: the later one gives up its own', () => {
  const browser = new Browser();
  const [a, b] = [browser.tab(), browser.tab()];
  const [first, second] = browser.sockets;
  for (const socket of browser.sockets) socket.onopen();
  first?.say(welcome());
  a.session.send('hello');
  second?.say(SECOND);
  const [hello] = browser.welcome().of('hello');
  assert.deepEqual([hello.token, second?.closed, first?.closed], ['token-s1', true, false]);
  assert.deepEqual([a.session.transcript.session, b.session.transcript.session], ['s1', 's1']);
});

test('a welcome that comes after another tab went on does not take that tab back', () => {
  const { browser, a, first } = pair();
  first.end(1006);
  browser.clock.go(1_000);
  const { socket } = browser;
  socket.onopen();
  browser.storage?.setItem('baton:server.test:token', JSON.stringify({ token: 'token-s2', session: 's2' }));
  socket.say(welcome());
  assert.equal(browser.welcome(SECOND).of('hello')[0].token, 'token-s2');
  assert.equal(a.session.transcript.session, 's2');
});

test('written offline in one tab: shown in the other, and sent by it when the first is closed', () => {
  const { browser, a, b, first, second } = pair();
  first.end(1006);
  const ids = [a.session.send('one'), a.session.send('two')];
  assert.deepEqual(waiting(b.session), ['one queued', 'two queued']);
  assert.deepEqual(second.of('send'), [], 'the tab that wrote it goes first');
  a.session.close();
  browser.clock.go(2_000);
  assert.deepEqual(second.of('send').map(({ id }) => id), [ids[0]], 'one at a time');
  second.say({ type: 'ack', id: ids[0], seq: 1, duplicate: false });
  browser.clock.go(2_000);
  assert.deepEqual(second.of('send').map(({ id }) => id), ids);
});

test('stored by one tab: the row stays in the other until its event comes there, and is not sent again', () => {
  const { browser, a, b, first, second } = pair();
  const id = a.session.send('one');
  first.say({ type: 'ack', id, seq: 1, duplicate: false }, asked(1, { id }));
  assert.deepEqual([waiting(a.session), waiting(b.session)], [[], ['one acked']]);
  browser.clock.go(5_000);
  assert.deepEqual(second.of('send'), []);
  second.say(asked(1, { id }));
  assert.deepEqual([waiting(b.session), b.session.transcript.seq], [[], 1]);
});

test('failed, retried and discarded in one tab: so in the other', () => {
  const { a, b, first, second } = pair();
  const id = a.session.send('one');
  first.say({ type: 'error', code: 'text_invalid', message: 'Not this.', id, retry_after: null });
  assert.deepEqual([waiting(b.session), b.session.pending[0]?.note], [['one failed'], 'Not this.']);
  b.session.retry(id);
  assert.deepEqual([waiting(a.session), second.of('send').length], [['one queued'], 1], 'who retries goes first');
  second.say({ type: 'error', code: 'text_invalid', message: 'Not this.', id, retry_after: null });
  b.session.discard(id);
  assert.deepEqual([waiting(a.session), waiting(b.session)], [[], []]);
});

test('following another tab writes nothing', () => {
  const { browser, a, first } = pair();
  browser.writes.length = 0;
  const id = a.session.send('one');
  assert.deepEqual(browser.writes, [OUT + id]);
  first.say({ type: 'error', code: 'text_invalid', message: 'Not this.', id, retry_after: null });
  a.session.retry(id);
  first.say(asked(1, { id }));
  assert.deepEqual(browser.writes, [OUT + id, OUT + id, OUT + id, 'baton:server.test:begun', OUT + id]);
});

test('two tabs keep the order of one person', () => {
  const { browser, a, b, first, second } = pair();
  first.end(1006);
  a.session.send('one');
  browser.clock.go(10);
  b.session.send('two');
  a.session.close();
  assert.deepEqual(waiting(b.session), ['one queued', 'two queued']);
  browser.clock.go(2_000);
  assert.deepEqual(second.of('send').map(({ text }) => text), ['one']);
});

test('an older one that comes later is sent first', () => {
  const { browser, b, second } = pair();
  second.end(1006);
  b.session.send('later');
  browser.storage?.setItem(`${OUT}x`, record({ text: 'earlier' }));
  b.window.fire('storage', { key: `${OUT}x` });
  assert.deepEqual(waiting(b.session), ['earlier queued', 'later queued']);
});

test('written before there was a conversation: it goes into the one that this tab has, or gets next', () => {
  for (const lost of [false, true]) {
    const { browser, b, second } = pair();
    if (lost) second.end(4404);
    browser.storage?.setItem(`${OUT}x`, record({ session: null }));
    b.window.fire('storage', { key: `${OUT}x` });
    browser.clock.go(1_000);
    const { socket } = browser; // the other tab follows, with a connection of its own
    if (lost) browser.welcome(SECOND);
    browser.clock.go(2_000);
    assert.deepEqual(socket.of('send').map(({ id }) => id).slice(0, 1), ['x']);
  }
});

test('what belongs to another conversation is shown and not sent', () => {
  const { browser, b, second } = pair();
  browser.storage?.setItem(`${OUT}x`, record({ session: 'other' }));
  b.window.fire('storage', { key: `${OUT}x` });
  b.session.send('mine');
  browser.clock.go(20_000);
  assert.deepEqual(second.of('send').map(({ text }) => text).slice(0, 1), ['mine']);
  assert.equal(b.session.pending.find(({ id }) => id === 'x')?.state, 'queued');
});

test('the conversation is gone: what waits fails in both, and a retry sends it in one', () => {
  const { browser, a, b, first, second } = pair();
  first.end(1006);
  const id = a.session.send('my account number');
  second.end(4404);
  browser.clock.go(1_000);
  for (const socket of browser.sockets.slice(2)) {
    socket.onopen?.();
    socket.say(SECOND);
  }
  const failed = ['my account number failed'];
  assert.deepEqual([waiting(a.session), waiting(b.session)], [failed, failed]);
  assert.deepEqual(browser.sockets.flatMap((socket) => socket.of('send')), []);
  b.session.retry(id);
  assert.equal(browser.sockets.flatMap((socket) => socket.of('send')).length, 1);
});

test('stored elsewhere before the conversation was gone: dropped, not offered again', () => {
  const { browser, a, b, first, second } = pair();
  const id = a.session.send('one');
  first.say(asked(1, { id }));
  assert.deepEqual(waiting(b.session), ['one acked']);
  second.end(4404);
  browser.clock.go(1_000);
  browser.welcome(SECOND);
  assert.deepEqual([waiting(b.session), browser.storage?.getItem(OUT + id)], [[], null]);
});

test('garbled and hostile records are left alone', () => {
  const { browser, b } = pair();
  const bad = {
    a: '{"text":', b: 'null', c: '5', d: '[]', e: record({ text: 5 }), f: record({ at: 'now' }),
    g: record({ at: 1e300 }), [`${'x'.repeat(65)}`]: record({}), '': record({}), 'new\nline': record({}),
  };
  for (const [key, value] of Object.entries(bad)) {
    browser.storage?.setItem(OUT + key, value);
    b.window.fire('storage', { key: OUT + key });
  }
  for (const key of ['foreign', 'baton:other.test:out:x', null]) b.window.fire('storage', { key });
  assert.deepEqual(waiting(b.session), []);
  browser.storage?.setItem(`${OUT}ok`, record({ session: 7, reason: 5, note: {}, context: 'x', failed: 'yes' }));
  b.window.fire('storage', { key: `${OUT}ok` });
  const [entry] = b.session.pending;
  assert.deepEqual([entry?.state, entry?.note, entry?.context, entry?.session], ['queued', null, null, 's1']);
});

test('another text under a known id changes nothing', () => {
  const { browser, a, b } = pair();
  const id = a.session.send('one');
  browser.storage?.setItem(OUT + id, record({ text: 'other' }));
  b.window.fire('storage', { key: OUT + id });
  assert.equal(b.session.pending[0]?.text, 'one');
});

test('so many and no more: then `send` says so, and nothing is lost', () => {
  const { browser, a, b, first } = pair();
  first.end(1006);
  for (let n = 0; n < MOST_ENTRIES; n += 1) a.session.send(`m${n}`);
  let said = '';
  try { a.session.send('one more'); } catch (error) { said = /** @type {Error} */ (error).message; }
  assert(/Too many messages/.test(said));
  browser.storage?.setItem(`${OUT}x`, record({}));
  b.window.fire('storage', { key: `${OUT}x` });
  assert.deepEqual([a.session.pending.length, b.session.pending.length], [MOST_ENTRIES, MOST_ENTRIES]);
  assert.equal(browser.tab().session.pending.length, MOST_ENTRIES);
});
