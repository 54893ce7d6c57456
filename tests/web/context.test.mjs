/** Where the customer is goes with the message, as it was when the message was written. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { contextOf } from '../../app/web/sdk/context.js';
import { Browser } from './support.mjs';

test('what the server would refuse is left out or cut', () => {
  for (const nothing of [undefined, null, 5, 'page', [], {}, { page: 5 }, { 'a b': 'x' }, { ['x'.repeat(41)]: 'x' }]) {
    assert.equal(contextOf(nothing), null);
  }
  const given = { page: '/bills', 'not ok': 'x', n: 5, long: '😀'.repeat(300), half: 'a\ud800b' };
  assert.deepEqual(contextOf(given), { page: '/bills', long: '😀'.repeat(200), half: 'a\ufffdb' });
  const many = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`k${n}`, 'v']));
  assert.equal(Object.keys(contextOf(many) ?? {}).length, 12);
});

test('each message has the context of its moment, also after a reload', () => {
  const browser = new Browser();
  const { session } = browser.tab({ context: { page: '/one' } });
  session.send('first');
  session.context = { page: '/two', product: 'solar' };
  session.send('second');
  session.context = null;
  session.send('third');
  session.close();
  browser.tab({ context: { page: '/elsewhere' } });
  const socket = browser.welcome();
  for (const seq of [1, 2]) socket.say({ type: 'ack', id: `id-${seq}`, seq, duplicate: false });
  assert.deepEqual(socket.of('send'), [
    { type: 'send', id: 'id-1', text: 'first', context: { page: '/one' } },
    { type: 'send', id: 'id-2', text: 'second', context: { page: '/two', product: 'solar' } },
    { type: 'send', id: 'id-3', text: 'third' },
  ]);
});

test('what is set is seen, and can not be changed behind the session', () => {
  const browser = new Browser();
  const given = { page: '/one' };
  const { session } = browser.tab({ context: given });
  given.page = '/other';
  assert.deepEqual([session.context, session.snapshot.context], [{ page: '/one' }, { page: '/one' }]);
  assert(Object.isFrozen(session.context));
});
