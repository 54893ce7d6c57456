/** How long clients wait: never the same for all, never longer than the ceiling. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { CEILING_MS, FLOOR_MS, backoff } from '../../app/web/sdk/backoff.js';
import { seeded } from './support.mjs';

test('every delay is between half a second and twenty', () => {
  const random = seeded(1);
  for (let retry = 0; retry < 2000; retry += 1) {
    const ms = backoff(retry % 40, random);
    assert(ms >= FLOOR_MS && ms <= CEILING_MS, `retry ${retry}: ${ms}`);
  }
});

test('the first retry is spread already', () => {
  const random = seeded(2);
  const delays = new Set(Array.from({ length: 200 }, () => backoff(0, random)));
  assert(delays.size > 100, `${delays.size} different delays`);
});

test('the window grows to the ceiling and stays', () => {
  const longest = [0, 1, 2, 3, 4, 5, 1000].map((retry) => backoff(retry, () => 0.999999));
  assert.deepEqual(longest, [1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
  assert.equal(backoff(1000, () => 0), FLOOR_MS);
});
