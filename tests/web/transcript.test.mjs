/** What is shown is the log: in order, once, and never two logs mixed (I3). */

import assert from 'node:assert/strict';
import test from 'node:test';

import { EMPTY, caughtUp, cursor, reduce, running } from '../../app/web/sdk/transcript.js';
import { STATE, answered, asked, delta, ended, seeded, welcome } from './support.mjs';

/**
 * @param {any[]} frames @param {any} [from]
 * @returns {import('../../app/web/sdk/transcript.js').Transcript}
 */
const after = (frames, from = EMPTY) => frames.reduce(reduce, from);
const begun = [welcome(), asked(1), { type: 'turn_start', turn: 1, attempt: 1 }];

test('durable events are applied once, in order', () => {
  const t = after([welcome(), asked(1), asked(1), answered(2, 1), asked(1), ended(3, 1), answered(2, 1)]);
  assert.deepEqual(t.events.map(({ seq }) => seq), [1, 2, 3]);
  assert.deepEqual(cursor(t), { epoch: 'e1', seq: 3, mark: 'm3' });
});

test('an event after a hole is not applied, nor is anything before the next welcome', () => {
  const t = after([welcome(), asked(1), ended(3, 1), answered(2, 1), delta(1, 0, 0, 'x')]);
  assert.equal(t.gap, true);
  assert.deepEqual(t.events.map(({ seq }) => seq), [1]);
  const healed = after([welcome({ recovered: true, seq: 3 }), answered(2, 1), ended(3, 1)], t);
  assert.deepEqual([healed.gap, healed.seq, healed.open.length], [false, 3, 0]);
});

test('recovered: false drops the transcript, also with the same numbers', () => {
  const t = after([welcome(), asked(1, { text: 'lost branch' }), welcome({ epoch: 'e2', seq: 1 }), asked(1)]);
  assert.deepEqual(t.events, [asked(1)]);
  assert.equal(t.epoch, 'e2');
});

test('another epoch is another log, whatever the welcome claims', () => {
  const t = after([welcome(), asked(1), welcome({ epoch: 'e2', recovered: true, seq: 1 })]);
  assert.equal(cursor(t), null);
});

test('a window of a long log starts anywhere up to its end, a new log at 1', () => {
  const t = after([welcome({ seq: 500 }), asked(301)]);
  assert.deepEqual([t.first, t.more, t.gap, caughtUp(t)], [301, true, false, false]);
  assert.equal(after([welcome({ seq: 0 }), asked(2)]).gap, true);
  assert.equal(after([welcome({ seq: 500 }), asked(501)]).gap, true);
});

test('chunks: 0 replaces, the next appends, anything else is ignored', () => {
  const texts = [];
  let t = after(begun);
  const early = [delta(1, 1, 1, 'B'), delta(1, 0, 0, 'A'), delta(1, 2, 2, 'C'), delta(1, 1, 2, 'BC')];
  for (const d of [...early, delta(1, 2, 2, 'C'), delta(1, 0, 3, 'abcd'), delta(1, 4, 4, 'E')]) {
    t = reduce(t, d);
    texts.push(t.live?.text ?? null);
  }
  assert.deepEqual(texts, [null, 'A', 'A', 'ABC', 'ABC', 'abcd', 'abcdE']);
});

test('a takeover that continues appends, one that restarts replaces, the old attempt is stale', () => {
  const t = after([...begun, delta(1, 0, 1, 'one '), { type: 'turn_start', turn: 1, attempt: 2 }]);
  assert.equal(t.live?.text, 'one ');
  const continued = after([delta(1, 2, 2, 'two', { attempt: 2 }), delta(1, 3, 3, 'stale', { attempt: 1 })], t);
  assert.equal(continued.live?.text, 'one two');
  const restarted = after([delta(1, 0, 0, 'anew', { attempt: 2 }), delta(1, 0, 9, 'stale', { attempt: 1 })], t);
  assert.equal(restarted.live?.text, 'anew');
  const stale = reduce(restarted, { type: 'turn_start', turn: 1, attempt: 1 });
  assert.deepEqual(running(stale), { turn: 1, attempt: 2, parts: 0 });
});

test('a delta alone tells the attempt when its turn_start was lost', () => {
  const deltas = [delta(1, 0, 0, 'a'), delta(1, 1, 1, 'b', { attempt: 3 }), delta(1, 2, 2, 'c', { attempt: 2 })];
  const t = after([...begun, ...deltas]);
  assert.deepEqual([t.live?.text, running(t)?.attempt], ['ab', 3]);
});

test('the message replaces the streamed text; deltas of its part come too late', () => {
  const t = after([...begun, delta(1, 0, 4, 'strea'), answered(2, 1), delta(1, 5, 5, 'm'), delta(1, 0, 5, 'stream')]);
  assert.equal(t.live, null);
  assert.equal(after([delta(1, 0, 0, 'next', { part: 1 })], t).live?.text, 'next');
  const over = after([ended(3, 1), delta(1, 0, 0, 'x', { part: 1 }), { type: 'turn_start', turn: 1, attempt: 9 }], t);
  assert.deepEqual([over.live, over.open], [null, []]);
});

test('queued turns wait behind the running one; turn_end moves on', () => {
  const t = after([...begun, asked(2), asked(3), delta(1, 0, 0, 'a')]);
  assert.deepEqual([running(t)?.turn, t.open.length], [1, 3]);
  const next = after([answered(4, 1), ended(5, 1), { type: 'turn_start', turn: 2, attempt: 1 }], t);
  assert.deepEqual([running(next)?.turn, next.live], [2, null]);
});

test('a state event carries the state and may start a turn; a message to a person starts none', () => {
  const state = { ...STATE, auth: /** @type {const} */ ('authenticated'), customer_name: 'Ada' };
  const t = after([welcome(), { type: 'state', seq: 1, mark: 'm1', at: '', turn: 1, state }, asked(2, { turn: null })]);
  assert.deepEqual([t.state?.customer_name, t.open.map(({ turn }) => turn)], ['Ada', [1]]);
});

test('older events are put before, only when they join', () => {
  const t = after([welcome({ seq: 6 }), asked(4), answered(5, 4), ended(6, 4)]);
  const page = { type: /** @type {const} */ ('history'), events: [asked(1), answered(2, 1), ended(3, 1)], more: false };
  const whole = reduce(t, page);
  assert.deepEqual([whole.events.map(({ seq }) => seq), whole.first, whole.more], [[1, 2, 3, 4, 5, 6], 1, false]);
  assert.equal(reduce(whole, page), whole);
  assert.equal(reduce(t, { ...page, events: [asked(1), answered(2, 1)] }), t);
  assert.equal(reduce(t, { ...page, events: [asked(1), ended(3, 1)] }), t);
});

test('older events keep the attempt of a turn that still runs', () => {
  const t = after([welcome({ seq: 3 }), answered(2, 1), asked(3), { type: 'turn_start', turn: 1, attempt: 2 }]);
  const whole = reduce(t, { type: 'history', events: [asked(1)], more: false });
  assert.deepEqual(whole.open, [{ turn: 1, attempt: 2, parts: 1 }, { turn: 3, attempt: 0, parts: 0 }]);
});

test('what it does not know changes nothing', () => {
  const t = after(begun);
  assert.equal(reduce(t, /** @type {any} */ ({ type: 'later_invention', seq: 9 })), t);
});

/** @param {() => number} random @returns {any[]} a log of whole turns */
function log(random) {
  /** @type {any[]} */
  const events = [];
  /** @type {number[]} */
  const todo = [];
  for (let turns = 0; turns < 12 || todo.length > 0;) {
    const seq = events.length + 1;
    if (turns < 12 && random() < 0.4) { events.push(asked(seq)); todo.push(seq); turns += 1; }
    else if (todo[0] !== undefined && random() < 0.5) events.push(answered(seq, todo[0]));
    else if (todo[0] !== undefined) events.push(ended(seq, /** @type {number} */ (todo.shift())));
  }
  return events;
}

test('random histories with repeats, losses, holes, takeovers and reconnects end as the log', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seeded(seed);
    const events = log(random);
    let t = reduce(EMPTY, welcome());
    for (let at = 0; t.seq < events.length;) {
      const chance = random();
      if (t.gap || chance < 0.08) {
        const from = cursor(t);
        t = reduce(t, welcome({ recovered: from !== null, seq: at }));
        for (const event of events.slice(from === null ? 0 : from.seq, at)) t = reduce(t, event);
        assert(!t.gap && t.seq === at, `seed ${seed}: the replay is whole`);
      } else if (chance < 0.2) t = at > 0 ? reduce(t, events[Math.floor(random() * at)]) : t;
      else if (chance < 0.5) {
        const first = Math.floor(random() * 4);
        const fields = { attempt: 1 + Math.floor(random() * 3), part: Math.floor(random() * 3) };
        t = reduce(t, delta(1 + Math.floor(random() * (at + 2)), first, first + Math.floor(random() * 3), 'x', fields));
      } else {
        const lost = chance > 0.95 ? 1 : 0;
        at = Math.min(events.length, at + 1 + lost);
        t = reduce(t, events[at - 1]);
      }
      const shown = t.events.map(({ seq }) => seq);
      assert.deepEqual(shown, shown.map((_, n) => n + 1), `seed ${seed}: one order, no gap, no repeat`);
      const open = t.live === null || t.open.some(({ turn }) => turn === t.live?.turn);
      assert(open, `seed ${seed}: only open turns are written`);
    }
    assert.deepEqual([t.events, t.open, t.live], [events, [], null], `seed ${seed}`);
  }
});
