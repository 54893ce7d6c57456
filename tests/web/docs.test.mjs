/** The examples of docs/browser.md run as they stand there. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { Browser, answered, asked, delta, ended } from './support.mjs';

const PAGE = readFileSync(new URL('../../docs/browser.md', import.meta.url), 'utf8');
const SDK = PAGE.slice(PAGE.indexOf('## The SDK'), PAGE.indexOf('## The widget'));
const [plain = '', react = ''] = [...SDK.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');

/**
 * Runs an example with the names it imports, and the browser's, given.
 * @param {string} code @param {Record<string, unknown>} names @param {string} [result] what it exports
 * @returns {any}
 */
function run(code, names, result = 'undefined') {
  const body = code.replace(/^import .*$/gm, '').replace(/^export /gm, '');
  return new Function(...Object.keys(names), `'use strict';\n${body}\nreturn ${result};`)(...Object.values(names));
}

test('the plain example is short and is a chat', () => {
  const browser = new Browser();
  const field = { value: 'hello' };
  let written = '';
  /** @type {(event: object) => void} */
  let submit = () => {};
  const form = {
    elements: { message: field }, reset: () => { field.value = ''; },
    addEventListener: (/** @type {string} */ _, /** @type {(event: object) => void} */ fn) => { submit = fn; },
  };
  const pre = { set textContent(/** @type {string} */ text) { written = text; } };
  run(plain, {
    connect: (/** @type {object} */ options) => browser.tab(options).session,
    location: { pathname: '/bills' },
    document: { querySelector: (/** @type {string} */ name) => (name === 'form' ? form : pre) },
  });
  assert(plain.trim().split('\n').length <= 16);
  const socket = browser.welcome();
  submit({ preventDefault: () => {} });
  assert.deepEqual([written, field.value], ['user: hello (sent)', '']);
  const [{ id, context }] = socket.of('send');
  assert.deepEqual(context, { page: '/bills' });
  socket.say(asked(1, { id, text: 'hello' }), { type: 'turn_start', turn: 1, attempt: 1 }, delta(1, 0, 0, 'he'));
  assert.equal(written, 'user: hello\nassistant: he');
  socket.say(answered(2, 1), ended(3, 1));
  assert.equal(written, 'user: hello\nassistant: answer 1');
});

test('the React hook draws when something changed, and only then', () => {
  const browser = new Browser();
  /** @type {unknown} */
  let shown;
  let drawn = 0;
  let subscribed = 0;
  /** @type {() => void} */
  let leave = () => {};
  const render = () => { drawn += 1; return useChat(); };
  // What React's own does: it subscribes once for each function it is given, and draws when the value is another one.
  /** @type {unknown} */
  let by;
  const useSyncExternalStore = (
    /** @type {(fn: () => void) => () => void} */ subscribe, /** @type {() => unknown} */ current,
  ) => {
    const value = current();
    assert.equal(current(), value, 'the same value twice, or React would draw for ever');
    shown = value;
    if (by !== subscribe) {
      by = subscribe;
      subscribed += 1;
      leave();
      leave = subscribe(() => { if (current() !== shown) view = render(); });
    }
    return value;
  };
  const useChat = run(react, { connect: () => browser.tab().session, useSyncExternalStore }, 'useChat');
  let view = render();
  const socket = browser.welcome();
  view.send('hello');
  assert.deepEqual([view.pending.length, view.messages.length, view.offline, view.stop], [1, 0, false, null]);
  socket.say(asked(1, { id: 'id-1' }), { type: 'turn_start', turn: 1, attempt: 1 }, delta(1, 0, 0, 'he'));
  assert.deepEqual([view.pending.length, view.messages.length, view.answer], [0, 1, 'he']);
  view.stop();
  assert.equal(socket.of('cancel')[0]?.turn, 1);
  const before = drawn;
  socket.say({ type: 'pong', t: null }, { type: 'pong', t: 1 });
  assert.deepEqual([drawn, subscribed], [before, 1]);
  socket.end(1006);
  assert.equal(view.offline, true);
  leave();
});

test('every method, property, event and phase is in it', async () => {
  const { session } = new Browser().tab();
  const of = (/** @type {object} */ proto) => Object.getOwnPropertyNames(proto);
  const inner = ['constructor', 'receive', 'parted', 'told', 'flushed', 'changed', 'look', 'emit'];
  const proto = Object.getPrototypeOf(session);
  const names = [...of(proto), ...of(Object.getPrototypeOf(proto)), 'on', 'subscribe'];
  for (const name of names) if (!inner.includes(name)) assert(new RegExp(`\`${name}[\`(]`).test(SDK), name);
  const view = readFileSync(new URL('../../app/web/sdk/view.js', import.meta.url), 'utf8');
  const typedefs = view.slice(0, view.indexOf('export class'));
  const events = [...typedefs.matchAll(/@property \{.*\} (\w+)/g)].map(([, name]) => name);
  assert(events.length >= 10);
  for (const name of events) assert(SDK.includes(`\`${name}\``), name);
});

test('the keys it names are the keys that are written', () => {
  const browser = new Browser();
  const { session } = browser.tab();
  browser.welcome();
  session.send('hello');
  const named = (/** @type {string} */ key) => (
    key.replace('server.test', '<chat host>').replace(/id-\d+$/, '<message id>')
  );
  assert.deepEqual([...new Set(browser.writes.map(named))].map((kind) => SDK.includes(`\`${kind}\``)), [true, true]);
});
