/** How rows are arranged: days, and what belongs together. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { arranged, eventRows } from '../../app/web/widget/rows.js';
import { EN } from '../../app/web/widget/words.js';
import { answered, asked } from './support.mjs';

const NOON = new Date(2030, 0, 15, 12).getTime();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** @param {...[string, number, object?]} given role and minutes after noon @returns {any[]} */
const rows = (...given) => given.map(([role, minutes, fields], n) => ({
  key: `${n}`, role, text: `${n}`, name: null, at: NOON + minutes * MINUTE, delivery: null, live: false, id: null, hint: null,
  head: true, tail: true, ...fields,
}));
/** @param {any[]} placed */
const shape = (placed) => placed.map(({ role, head, tail }) => `${role}${head ? ' head' : ''}${tail ? ' tail' : ''}`);

test('a line begins each day, and only a day that has messages', () => {
  const placed = arranged(rows(['user', 0], ['assistant', 1], ['user', DAY / MINUTE], ['user', 4 * DAY / MINUTE]));
  assert.deepEqual(placed.map(({ role }) => role), ['day', 'user', 'assistant', 'day', 'user', 'day', 'user']);
  assert.equal(new Set(placed.map(({ key }) => key)).size, placed.length);
});

test('messages of one side within minutes belong together: who is said first, the time last', () => {
  assert.deepEqual(shape(arranged(rows(['user', 0], ['user', 1], ['user', 4], ['assistant', 4], ['user', 5]))).slice(1), [
    'user head', 'user', 'user tail', 'assistant head tail', 'user head tail',
  ]);
});

test('time, another name and another role keep them apart', () => {
  assert.deepEqual(shape(arranged(rows(['agent', 0, { name: 'A' }], ['agent', 1, { name: 'B' }], ['agent', 9, { name: 'B' }], ['system', 9]))).slice(1),
    ['agent head tail', 'agent head tail', 'agent head tail', 'system head tail']);
});

test('a clock that went back by minutes doesn’t tear a group, and one without a time follows', () => {
  assert.deepEqual(shape(arranged(rows(['user', 3], ['user', 1], ['user', 0, { at: null }]))).slice(1), ['user head', 'user', 'user tail']);
});

test('what follows other rows carries on their day and their group', () => {
  const above = arranged(rows(['user', 0]));
  assert.deepEqual(shape(arranged(rows(['user', 1]), above.at(-1))), ['user tail']);
  assert.deepEqual(shape(arranged(rows(['user', 1]), null)), ['day head tail', 'user head tail']);
  assert.deepEqual(arranged([], above.at(-1)), []);
});

test('arranging changes no row in place', () => {
  const given = rows(['user', 0], ['user', 1]);
  const before = structuredClone(given);
  arranged(given);
  assert.deepEqual(given, before);
});

test('answers of one turn are parts of it, and those of none have their own keys', () => {
  const events = /** @type {any[]} */ ([asked(1), answered(2, 1), answered(3, 1), answered(4, 1, { role: 'agent', turn: null, name: 'A' })]);
  assert.deepEqual(eventRows(events, EN).map(({ key }) => key), ['u:u1', 'a:1:0', 'a:1:1', 'e:4']);
});
