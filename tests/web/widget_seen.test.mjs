/** What the person hasn't seen yet, and the transcript as a file. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { SafeStorage } from '../../app/web/sdk/storage.js';
import { EMPTY, reduce } from '../../app/web/sdk/transcript.js';
import { asText } from '../../app/web/widget/download.js';
import { Seen, unread } from '../../app/web/widget/seen.js';
import { EN } from '../../app/web/widget/words.js';
import { ES } from '../../app/web/widget/words_es.js';
import { answered, asked, ended, memoryStorage, welcome } from './support.mjs';

const events = [asked(1), answered(2, 1), ended(3, 1), answered(4, 1, { role: 'agent', turn: null, name: 'Marta', text: 'two\nlines' })];
const transcript = [welcome(), ...events].reduce(reduce, EMPTY);

test('only messages of others since then count', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 9].map((seq) => unread(transcript, seq)), [2, 2, 1, 1, 0, 0]);
  assert.equal(unread(EMPTY, 0), 0);
});

test('what was read stays read, in every tab, for this conversation', () => {
  const kept = memoryStorage();
  const tab = () => new Seen(new SafeStorage(() => kept, 'p:'));
  const seen = tab();
  assert.equal(seen.count(transcript, false), 2);
  assert.equal(seen.count(transcript, true), 0);
  assert.equal(tab().count(transcript, false), 0);
  assert.equal(tab().count({ ...transcript, session: 'another' }, false), 2);
});

test('what other scripts wrote there counts for nothing', () => {
  for (const value of ['', 'null', '7', '{"session":"s1"}', '{"session":"s1","seq":"9"}', '{"session":"s1","seq":1e99}x']) {
    const kept = memoryStorage();
    kept.setItem('p:seen', value);
    assert.equal(new Seen(new SafeStorage(() => kept, 'p:')).count(transcript, false), 2, value);
  }
});

test('the file holds each message with its writer, and says when it isn’t whole', () => {
  const text = asText(transcript.events, EN, 'en', true);
  assert(/\] You:\nquestion 1\n/.test(text));
  assert(/\] Assistant:\nanswer 1\n/.test(text));
  assert(/\] Marta:\ntwo\nlines\n/.test(text));
  assert(!text.includes('…'));
  assert(asText(transcript.events, EN, 'en', false).includes('\n…\n'));
  assert(/\] Tú:\n/.test(asText(transcript.events, ES, 'es', true)));
});
