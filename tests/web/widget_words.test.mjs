/** The words of the widget, in each language. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { EN, errorText, fill, wordsFor } from '../../app/web/widget/words.js';
import { ES } from '../../app/web/widget/words_es.js';

const names = (/** @type {string} */ text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

test('Spanish has every word that English has, with the same gaps, and no other', () => {
  assert.deepEqual(Object.keys(ES).sort(), Object.keys(EN).sort());
  for (const [key, text] of Object.entries(ES)) {
    assert(text.trim() !== '', key);
    assert.deepEqual(names(text), names(/** @type {Record<string, string>} */ (EN)[key] ?? ''), key);
  }
});

test('a language is found by its first part, and English where there is none', () => {
  assert.equal(wordsFor('es-MX').send, ES.send);
  assert.equal(wordsFor('ES').send, ES.send);
  for (const lang of ['fr', '', 'constructor', '__proto__', 'x'.repeat(9)]) assert.equal(wordsFor(lang).send, EN.send, lang);
});

test('a site overrides single words, in any language', () => {
  const words = wordsFor('es', { send: 'Va' });
  assert.deepEqual([words.send, words.stop], ['Va', ES.stop]);
});

test('gaps are filled, also with what looks like a pattern, and unknown ones stay', () => {
  assert.equal(fill('{n} of {most}', { n: 0, most: '$&' }), '0 of $&');
  assert.equal(fill('{name} {other}', { name: '{name}' }), '{name} {other}');
});

test('an error is told in the person’s words, a new one in the server’s', () => {
  assert.equal(errorText(ES, 'too_large', 'Too long.'), ES.error_too_large);
  assert.equal(errorText(ES, 'brand_new', 'A new reason.'), 'A new reason.');
  assert.equal(errorText(ES, null, null), ES.failed);
});
