/** Who the customer is, as the site says: said once, and taken back. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { SafeStorage } from '../../app/web/sdk/storage.js';
import { Identity } from '../../app/web/widget/identity.js';
import { STATE, memoryStorage } from './support.mjs';

/** @param {string} sub @param {number} [n] another token of the same one */
const token = (sub, n = 1) => `${n}.${btoa(JSON.stringify({ sub }))}.x`;
const settled = () => new Promise((done) => { setTimeout(done, 0); });

/** A page with a session that is what a test says. @param {Storage} [kept] */
function page(kept = memoryStorage()) {
  /** @type {any} */
  const session = {
    said: [], welcome: {}, transcript: { session: 's1', state: STATE },
    identify(/** @type {string} */ given) { this.said.push(given); this.transcript = { session: 's1', state: { ...STATE, auth: 'authenticated' } }; },
    signOut() { this.said.push('out'); this.transcript = { session: 's1', state: STATE }; },
  };
  return { session, kept, identity: new Identity(session, new SafeStorage(() => kept, 'p:')) };
}

test('a token is said once, and not again on the next page', async () => {
  const { session, identity, kept } = page();
  identity.set(token('ada'));
  await identity.check();
  assert.deepEqual(session.said, [token('ada')]);
  const next = page(kept);
  next.session.transcript = session.transcript;
  next.identity.set(token('ada', 2));
  await next.identity.check();
  assert.deepEqual(next.session.said, []);
  assert(![...memoryOf(kept)].some((value) => value.includes('ada')), 'neither token nor name is kept');
});

/** @param {Storage} kept */
const memoryOf = (kept) => /** @type {any} */ (kept).map.values();

test('another customer is another sign-in', async () => {
  const { session, identity } = page();
  identity.set(token('ada'));
  await identity.check();
  identity.set(token('bob'));
  await identity.check();
  assert.deepEqual(session.said, [token('ada'), token('bob')]);
});

test('nothing is said before the conversation is there, nor after its end', async () => {
  const { session, identity } = page();
  session.welcome = null;
  identity.set(token('ada'));
  session.welcome = {};
  session.transcript = { session: 's1', state: { ...STATE, ended: true } };
  await identity.check();
  assert.deepEqual(session.said, []);
  session.transcript = { session: 's2', state: STATE };
  await identity.check();
  assert.deepEqual(session.said, [token('ada')]);
});

test('the site is asked once, and again when the sign-in has run out', async () => {
  const { session, identity } = page();
  let asked = 0;
  identity.set(async () => token('ada', (asked += 1)));
  for (let n = 0; n < 5; n += 1) await identity.check();
  await settled();
  assert.equal(asked, 1);
  session.transcript = { session: 's1', state: { ...STATE, auth: 'expired' } };
  await identity.check();
  assert.deepEqual(session.said, [token('ada', 1), token('ada', 2)]);
});

test('whoever the site no longer names is signed out, once', async () => {
  for (const gone of [null, '', () => null]) {
    const { session, identity } = page();
    identity.set(token('ada'));
    await identity.check();
    identity.set(gone);
    await settled();
    await identity.check();
    assert.deepEqual(session.said, [token('ada'), 'out'], String(gone));
  }
});

test('a site that says nothing leaves a sign-in of the chat itself alone', async () => {
  const { session, identity } = page();
  session.transcript = { session: 's1', state: { ...STATE, auth: 'authenticated' } };
  for (const source of [null, '']) {
    identity.set(source);
    await identity.check();
  }
  assert.deepEqual(session.said, []);
});

test('an answer that comes after the site has changed its mind says nothing', async () => {
  const { session, identity } = page();
  /** @type {any} */
  let answer;
  identity.set(() => new Promise((done) => { answer = done; }));
  identity.set(token('bob'));
  answer(token('ada'));
  await settled();
  assert.deepEqual(session.said, [token('bob')]);
});

test('what isn’t a token is said as it is: the server refuses it', async () => {
  for (const odd of ['nonsense', 'a.b', 'a.%%%.c', 'a.bnVsbA.c']) {
    const { session, identity } = page();
    identity.set(odd);
    await settled();
    assert.deepEqual(session.said, [odd]);
  }
});

test('a site whose function fails signs nobody in or out', async () => {
  const { session, identity } = page();
  identity.set(token('ada'));
  await identity.check();
  identity.wait = 0;
  const failing = () => { throw new Error('the site’s own fault'); };
  identity.source = failing;
  identity.asked = null;
  const fault = await identity.check().then(() => null, (error) => error);
  assert.equal(fault?.message, 'the site’s own fault');
  session.welcome = null; // nobody is asked without a connection
  await settled();
  assert.deepEqual(session.said, [token('ada')]);
});

test('a site that can not say who it is now is asked again later', async () => {
  const { session, identity } = page();
  identity.wait = 5;
  let asked = 0;
  identity.source = async () => { if ((asked += 1) === 1) throw new Error('the site is away'); return token('ada'); };
  const told = await identity.check().then(() => 'nothing', ({ message }) => message);
  assert.equal(told, 'the site is away', 'it is the site that failed, and its console says so');
  await identity.check();
  assert.deepEqual([asked, session.said.length], [1, 0], 'not at once');
  for (let n = 0; n < 1000 && session.said.length === 0; n += 1) await settled();
  assert.deepEqual(session.said, [token('ada')]);
});
