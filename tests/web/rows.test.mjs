/** What a person sees of a transcript. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { eventRows, liveRows, pendingRows } from '../../app/web/widget/rows.js';
import { EMPTY, reduce } from '../../app/web/sdk/transcript.js';
import { EN } from '../../app/web/widget/words.js';
import { STATE, answered, asked, delta, ended, welcome } from './support.mjs';

/** @param {any[]} frames */
const rowsOf = (frames) => {
  const t = frames.reduce(reduce, EMPTY);
  return [...eventRows(t.events, EN), ...liveRows(t)];
};
const begun = [welcome(), asked(1), { type: 'turn_start', turn: 1, attempt: 1 }];

test('an answer keeps its key from the first dot to the stored message', () => {
  const steps = [[], [delta(1, 0, 0, 'he')], [delta(1, 0, 0, 'he'), answered(2, 1), ended(3, 1)]];
  const rows = steps.map((step) => rowsOf([...begun, ...step]).at(-1));
  assert.deepEqual(rows.map((row) => row?.key), ['a:1:0', 'a:1:0', 'a:1:0']);
  assert.deepEqual(rows.map((row) => [row?.text, row?.live]), [['', true], ['he', true], ['answer 1', false]]);
});

test('between an answer and the end of its turn no other row comes and goes', () => {
  const rows = [[], [delta(1, 1, 1, 'llo')]].map((late) => rowsOf([...begun, delta(1, 0, 0, 'he'), answered(2, 1), ...late]));
  assert.deepEqual(rows.map((one) => one.map(({ key }) => key)), [['u:u1', 'a:1:0'], ['u:u1', 'a:1:0']]);
  const next = rowsOf([...begun, answered(2, 1), delta(1, 0, 0, 'and', { part: 1 })]);
  assert.deepEqual(next.map(({ key }) => key), ['u:u1', 'a:1:0', 'a:1:1']);
});

test('a message keeps its key from queued to stored', () => {
  const state = /** @type {const} */ ('queued');
  const entry = { id: 'x', text: 't', at: 1, session: null, state, reason: null, note: null, notBefore: 0, tries: 0 };
  const [pending] = pendingRows([entry], EN);
  const [stored] = eventRows([asked(1, { id: 'x' })], EN);
  assert.deepEqual([pending?.key, stored?.key], ['u:x', 'u:x']);
  assert.deepEqual([pending?.delivery, stored?.delivery], ['queued', 'stored']);
});

test('keys never repeat', () => {
  const system = answered(5, 1, { role: 'system' });
  const frames = [...begun, answered(2, 1), answered(3, 1), asked(4), system, ended(6, 1), delta(4, 0, 0, 'x')];
  const keys = rowsOf(frames).map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
});

test('stopped, failed and changes of state are told in a few words', () => {
  const at = '2030-01-01T00:00:00.000Z';
  const state = (/** @type {number} */ seq, /** @type {object} */ fields) => (
    { type: 'state', seq, mark: `m${seq}`, at, turn: null, state: { ...STATE, ...fields } });
  const events = /** @type {any[]} */ ([
    asked(1), ended(2, 1, { status: 'cancelled' }), ended(3, 1, { status: 'failed' }),
    state(4, { auth: 'authenticated', customer_name: 'Ada' }), state(5, { auth: 'authenticated', handoff: 'active' }),
    state(6, { auth: 'authenticated', handoff: 'active' }), state(7, { ended: true }),
  ]);
  assert.deepEqual(eventRows(events, EN).slice(1).map(({ text }) => text), [
    'Stopped', 'This answer could not be finished', 'Verified as Ada', 'A person has joined',
    'The conversation was ended',
  ]);
});
