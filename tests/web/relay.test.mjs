/** What the demo page shows of a conversation: lanes, the answer's segments, the counters, and what a fault did. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { LANES, WINDOW_MS } from '../../app/web/demo/relay.js';
import { Scene } from '../../app/web/demo/scene.js';
import { answered, asked, delta, ended, welcome } from './support.mjs';

/** A scene that frames are said to, each at a time of its own. */
class Stage {
  constructor() {
    this.scene = new Scene();
    this.now = 1_000;
  }

  /** @param {number} ms @param {...any} frames */
  after(ms, ...frames) {
    this.now += ms;
    for (const frame of frames) this.scene.heard(frame, this.now);
    return this.scene;
  }

  /**
   * Moves to another replica, as a client does that has lost the connection.
   * @param {string} replica @param {number} seq
   */
  moved(replica, seq) {
    this.scene.left(this.now);
    return this.after(500, welcome({ replica, seq, recovered: true }));
  }
}

/** Three chunks of an answer have come through r-1. */
function midway() {
  const stage = new Stage();
  stage.after(0, welcome(), asked(1), start(1));
  for (const [n, word] of ['one ', 'two ', 'three '].entries()) stage.after(100, delta(1, n, n, word));
  return stage;
}

const start = (/** @type {number} */ attempt, turn = 1) => ({ type: 'turn_start', turn, attempt });
const second = { attempt: 2 };
/** @param {Scene} scene */
const segments = ({ answer }) => answer.segments.map(({ attempt, replica, chunks }) => [attempt, replica, chunks]);

test('an answer that is taken over is one bar of a segment per attempt, and the baton is passed once', () => {
  const stage = midway();
  const scene = stage.moved('r-2', 1);
  stage.after(0, start(1), delta(1, 0, 2, 'one two three '));
  assert.deepEqual([segments(scene), scene.relay.passes.length], [[[1, 'r-1', 3]], 0]);
  stage.after(2_500, start(2), delta(1, 3, 3, 'four ', second));
  stage.after(100, delta(1, 4, 5, 'five six', second));
  assert.deepEqual(segments(scene), [[1, 'r-1', 3], [2, 'r-2', 3]]);
  const [pass, ...others] = scene.relay.passes;
  assert.equal(others.length, 0);
  assert.deepEqual([pass?.from.replica, pass?.to.replica, pass?.attempt, pass?.grew], ['r-1', 'r-2', 2, true]);
  assert.equal((pass?.at ?? 0) - (pass?.since ?? 0), 3_000);
  assert.equal(scene.answer.cuts, 0);
});

test('a dropped socket alone is another segment of the same attempt', () => {
  const stage = midway();
  stage.moved('r-2', 1);
  stage.after(0, start(1), delta(1, 0, 3, 'one two three four '));
  assert.deepEqual([stage.scene.relay.passes, stage.scene.relay.lanes[1]?.ticks.length], [[], 1]);
  const scene = stage.after(100, delta(1, 4, 4, 'five '));
  assert.deepEqual(segments(scene), [[1, 'r-1', 3], [1, 'r-2', 2]]);
  assert.deepEqual(scene.relay.passes.map(({ grew }) => grew), [false]);
  assert.deepEqual(scene.relay.lanes[0]?.marks.map(({ kind }) => kind), ['lost']);
});

test('chunks that were shown, holes and lower attempts add nothing', () => {
  const stage = midway();
  const scene = stage.after(0, delta(1, 1, 1, 'two '), delta(1, 5, 5, 'six '), start(2), delta(1, 3, 3, 'late '));
  assert.deepEqual(segments(scene), [[1, 'r-1', 3]]);
  assert.equal(scene.relay.lanes[0]?.ticks.length, 3);
});

test('text that goes back is counted, by a delta and by the stored message', () => {
  const again = midway().after(0, start(2), delta(1, 0, 0, 'one ', second));
  assert.deepEqual([again.answer.cuts, segments(again)], [1, [[2, 'r-1', 1]]]);
  const stored = midway().after(0, answered(2, 1, { text: 'something else' }));
  assert.equal(stored.answer.cuts, 1);
  const whole = midway().after(0, answered(2, 1, { text: 'one two three' + ' four' }), ended(3, 1));
  assert.deepEqual([whole.answer.cuts, whole.answer.writing, whole.answer.size], [0, false, 18]);
});

test('the second message of a turn is counted after the first', () => {
  const stage = midway();
  const scene = stage.after(0, answered(2, 1, { text: 'one two three ' }), delta(1, 0, 1, 'four five', { part: 1 }));
  assert.deepEqual([scene.answer.chunks, scene.answer.cuts], [5, 0]);
});

test('lost and repeated events are counted from the frames', () => {
  const scene = new Stage().after(0, welcome(), asked(1), answered(2, 1), ended(3, 1));
  const counted = () => [scene.proof.first, scene.proof.last, scene.proof.lost, scene.proof.twice];
  assert.deepEqual(counted(), [1, 3, 0, 0]);
  scene.heard(ended(3, 1), 0);
  assert.deepEqual(counted(), [1, 3, 0, 1]);
  scene.heard(answered(6, 4), 0);
  assert.deepEqual(counted(), [1, 3, 3, 1]);
  for (const event of [asked(4), asked(5), answered(6, 4)]) scene.heard(event, 0);
  assert.deepEqual(counted(), [1, 6, 0, 1]);
});

test('another log is counted anew', () => {
  const stage = new Stage();
  stage.after(0, welcome(), asked(1), asked(2));
  const scene = stage.after(0, welcome({ epoch: 'e2', seq: 2 }), asked(1), asked(2));
  assert.deepEqual([scene.proof.last, scene.proof.lost, scene.proof.twice], [2, 0, 0]);
});

test('what was said before this page came is no piece of an answer', () => {
  const scene = new Stage().after(0, welcome({ seq: 3 }), asked(1), answered(2, 1), ended(3, 1));
  assert.equal(scene.relay.lanes[0]?.ticks.length, 0);
  const missed = midway();
  missed.moved('r-2', 3);
  missed.after(0, answered(2, 1, { text: 'one two three four' }), ended(3, 1));
  assert.equal(missed.scene.relay.lanes[1]?.ticks.length, 1);
});

test('lanes keep their colour, and the one that was left first makes room for a fifth', () => {
  const stage = new Stage();
  const served = (/** @type {string} */ replica) => { stage.moved(replica, 0); return stage.scene.relay; };
  stage.after(0, welcome({ replica: 'a' }));
  for (const replica of ['b', 'c', 'd', 'a']) served(replica);
  assert.deepEqual(served('e').lanes.map(({ replica, style }) => [replica, style]), [
    ['a', 0], ['e', 1], ['c', 2], ['d', 3],
  ]);
  assert.equal(stage.scene.relay.lanes.length, LANES);
});

test('the drawing stands still once all that moves has left the window, and nothing is kept for it', () => {
  const stage = midway();
  const { relay } = stage.scene;
  assert.equal(relay.still(stage.now), false);
  assert.equal(relay.still(stage.now + WINDOW_MS + 1), true);
  assert.deepEqual(relay.lanes.map(({ ticks }) => ticks.length), [0]);
  stage.after(WINDOW_MS * 2, delta(1, 3, 3, 'four '));
  assert.equal(relay.still(stage.now), false);
});

test('a page that is never drawn keeps no more than one that is', () => {
  const scene = midway().after(WINDOW_MS * 2, delta(1, 3, 3, 'four '));
  assert.equal(scene.relay.lanes[0]?.ticks.length, 1);
});

test('a kill is told until the answer goes on, with the chunk and the time it took', () => {
  const stage = midway();
  const { scene } = stage;
  assert.equal(scene.step, 2);
  scene.broke('kill', stage.now);
  assert.equal(scene.step, 3);
  stage.after(100, delta(1, 3, 3, 'four '));
  assert(scene.incident?.sentence.startsWith('Killed r-1.'), 'a chunk on its way is no recovery');
  stage.moved('r-2', 1);
  stage.after(0, start(1), delta(1, 0, 4, 'one two three four five '));
  assert.equal(scene.step, 3, 'what was written before, and comes late, is no recovery');
  stage.after(2_400, start(2), delta(1, 5, 5, 'six ', second));
  assert.equal(scene.incident?.sentence, 'The answer went on at chunk 6 after 2.9\u00a0s.');
  assert.deepEqual([scene.step, scene.reconnects, scene.tookMs], [4, 1, 500]);
  assert.deepEqual(scene.relay.lanes.map(({ end }) => end), ['kill', null]);
  stage.after(0, answered(2, 1, { text: 'one two three four five six ' }), ended(3, 1));
  assert.equal(scene.step, 4);
  stage.after(0, asked(4));
  assert.equal(scene.step, 2);
});

test('a replica that wakes after another has written the rest hands it over at once', () => {
  const stage = midway();
  stage.scene.broke('pause', stage.now, 8);
  stage.after(8_000, answered(2, 1, { text: 'one two three four' }), ended(3, 1));
  assert.equal(stage.scene.incident?.sentence, 'The rest of the answer arrived at once, after 8.0\u00a0s.');
  assert.deepEqual(segments(stage.scene), [[1, 'r-1', 3]]);
});

test('a fault that the answer outlived without a pause worth the name says how long it was', () => {
  const stage = midway();
  const { scene } = stage;
  scene.broke('store', stage.now);
  stage.after(600, delta(1, 3, 3, 'four'));
  stage.after(100, answered(2, 1, { text: 'one two three four' }), ended(3, 1));
  assert.equal(scene.incident?.sentence, 'The answer reached its end; its longest pause was 0.6\u00a0s.');
  assert.deepEqual([scene.step, scene.relay.marks.length], [4, 1]);
});

test('between answers a fault is over when the page is back, and a refused one never was', () => {
  const stage = new Stage();
  const { scene } = stage;
  stage.after(0, welcome());
  scene.broke('kill', stage.now)();
  scene.relay.prune(stage.now);
  assert.deepEqual([scene.incident, scene.relay.lanes[0]?.marks], [null, []]);
  scene.broke('drop', stage.now);
  stage.moved('r-2', 0);
  assert.equal(scene.incident?.sentence, 'Back on r-2 after 0.5\u00a0s.');
  assert.equal(scene.step, 1);
});

test('another conversation begins without an answer', () => {
  const stage = midway();
  stage.scene.left(stage.now);
  const scene = stage.after(0, welcome({ session: 's2' }));
  assert.deepEqual([scene.answer.turn, scene.answer.chunks, scene.session, scene.step], [null, 0, 's2', 1]);
});
