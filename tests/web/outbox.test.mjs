/** A message is never lost, never doubled, never overtaken (I1, I2). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { Outbox } from '../../app/web/sdk/outbox.js';
import { SafeStorage } from '../../app/web/sdk/storage.js';
import { memoryStorage } from './support.mjs';

/** @param {any} [storage] */
function made(storage = memoryStorage()) {
  const env = { time: 1000, now: () => env.time, random: () => 0 };
  return { env, storage, outbox: new Outbox(new SafeStorage(() => storage, 'p:'), env) };
}
const states = (/** @type {Outbox} */ outbox) => outbox.entries.map(({ id, state }) => `${id} ${state}`);
/** @param {string} code @param {number|null} [retry_after] seconds */
const error = (code, retry_after = null) => ({ code, message: code, retry_after });

test('one key per message, gone when its event was seen', () => {
  const { outbox, storage } = made();
  outbox.add('a', 'one', null);
  outbox.add('b', 'two', null);
  assert.deepEqual([...storage.map.keys()], ['p:a', 'p:b']);
  outbox.settled('a');
  assert.deepEqual([...storage.map.keys()], ['p:b']);
});

test('in order, one at a time, the next when the one before is stored', () => {
  const { outbox } = made();
  for (const id of ['a', 'b', 'c']) outbox.add(id, id, 's');
  assert.deepEqual([outbox.next()?.id, outbox.next()], ['a', null]);
  outbox.acked('a');
  assert.deepEqual([outbox.next()?.id, outbox.next()], ['b', null]);
  assert.deepEqual(states(outbox), ['a acked', 'b sent', 'c queued']);
});

test('a refusal for now waits as long as it says, is not overtaken, and keeps its id', () => {
  const { outbox, env } = made();
  outbox.add('a', 'one', 's');
  outbox.add('b', 'two', 's');
  outbox.next();
  outbox.refused('a', error('rate_limited', 3));
  assert.deepEqual([outbox.next(), outbox.wakeAt(), states(outbox)[0]], [null, 4000, 'a queued']);
  env.time = 4000;
  assert.equal(outbox.next()?.id, 'a');
  outbox.refused('a', error('unavailable'));
  assert.equal(outbox.wakeAt(), 4500);
});

test('any other refusal is final, and the next goes on', () => {
  const { outbox, storage } = made();
  outbox.add('a', 'one', 's');
  outbox.add('b', 'two', 's');
  outbox.next();
  outbox.refused('a', error('text_invalid'));
  assert.deepEqual([states(outbox), outbox.next()?.id], [['a failed', 'b queued'], 'b']);
  assert.deepEqual(states(made(storage).outbox), ['a failed', 'b queued']);
  outbox.retry('a', 's');
  assert.equal(outbox.find('a')?.state, 'queued');
});

test('only a failed one can be discarded', () => {
  const { outbox, storage } = made();
  outbox.add('a', 'one', 's');
  outbox.discard('a');
  assert.deepEqual(states(outbox), ['a queued']);
  outbox.refused('a', error('too_large'));
  outbox.discard('a');
  assert.deepEqual([states(outbox), storage.map.size], [[], 0]);
});

test('a reload keeps what was not seen, in order, to be sent again', () => {
  const { outbox, storage } = made();
  for (const id of ['z', 'y', 'x']) outbox.add(id, id, 's');
  outbox.next();
  outbox.acked('z');
  outbox.next();
  const again = made(storage).outbox;
  assert.deepEqual(states(again), ['z queued', 'y queued', 'x queued']);
  assert.equal(again.next()?.id, 'z');
});

test('a lost connection puts what was in flight back; silence does too', () => {
  const { outbox, env } = made();
  outbox.add('a', 'one', 's');
  outbox.next();
  outbox.parted();
  assert.equal(outbox.next()?.id, 'a');
  assert.equal(outbox.next(), null);
  env.time += 10_000;
  assert.equal(outbox.next()?.id, 'a');
});

test('a message never goes into another conversation unasked', () => {
  const { outbox } = made();
  outbox.add('a', 'my secret', 'old');
  outbox.add('b', 'hello', null);
  outbox.joined('new');
  assert.deepEqual(states(outbox), ['a failed', 'b queued']);
  assert.deepEqual([outbox.next()?.id, outbox.find('b')?.session], ['b', 'new']);
  outbox.retry('a', 'new');
  outbox.joined('new');
  assert.equal(outbox.next()?.id, 'a');
});

test('the conversation that it went into is kept, unless another tab has let it go meanwhile', () => {
  const { outbox, storage } = made();
  for (const id of ['a', 'b']) outbox.add(id, id, null);
  storage.removeItem('p:b');
  outbox.joined('s');
  assert.equal(JSON.parse(storage.getItem('p:a') ?? '').session, 's');
  assert.equal(storage.getItem('p:b'), null);
});

test('it works when storage throws, is absent or full', () => {
  const full = { ...memoryStorage(), setItem: () => { throw new Error('QuotaExceededError'); }, length: 0 };
  for (const open of [() => { throw new Error('denied'); }, () => null, () => /** @type {any} */ (full)]) {
    const outbox = new Outbox(new SafeStorage(open, 'p:'), { now: () => 1, random: () => 0 });
    outbox.add('a', 'one', 's');
    assert.equal(outbox.next()?.id, 'a');
    outbox.settled('a');
    assert.deepEqual(states(outbox), []);
  }
});

test('what it can not read in storage is left alone', () => {
  const storage = memoryStorage();
  storage.setItem('p:odd', '{"text":');
  storage.setItem('p:odder', '{"text":5}');
  storage.setItem('other', 'x');
  assert.deepEqual([made(storage).outbox.entries, storage.length], [[], 3]);
});
