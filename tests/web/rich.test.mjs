/** Text with a little form: what is made of it, and that nothing of it gets lost. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { blocks, plain as shown, spans } from '../../app/web/widget/rich.js';
import { seeded } from './support.mjs';

/** @param {string} text */
const shape = (text) => blocks(text).map(({ kind, lines }) => [kind, ...lines]);
/** @param {string} text */
const parts = (text) => spans(text).map(({ kind, text: shown, href }) => (href === undefined ? [kind, shown] : [kind, shown, href]));
/** What isn't a fence, nor the word after one. @param {string} text @returns {string} */
const unfenced = (text) => {
  let inside = false;
  const fences = (/** @type {string} */ line) => (inside ? /^```\s*$/ : /^```[\w+#.-]*\s*$/).test(line);
  return text.split(/\r?\n/).filter((line) => {
    const fence = fences(line);
    if (fence) inside = !inside;
    return !fence;
  }).join('\n');
};
/** @param {string} text */
const bare = (text) => text.replace(/\s/g, '');

test('lines belong together until an empty one', () => {
  assert.deepEqual(shape('one\ntwo\n\n\nthree'), [['p', 'one', 'two'], ['p', 'three']]);
  assert.deepEqual(shape('one\r\ntwo\r\n\r\nthree'), [['p', 'one', 'two'], ['p', 'three']]);
  assert.deepEqual(shape(''), []);
  assert.deepEqual(shape(' \n\t\n'), []);
});

test('lists begin with a sign or a number, and keep their number', () => {
  assert.deepEqual(shape('- a\n* b\n• c'), [['ul', 'a', 'b', 'c']]);
  assert.deepEqual(shape('1. a\n2) b'), [['ol', 'a', 'b']]);
  assert.deepEqual(blocks('7. a\n8. b').map(({ start }) => start), [7]);
  assert.deepEqual(shape('- a\n1. b'), [['ul', 'a'], ['ol', 'b']]);
  assert.deepEqual(shape('before\n- a\nafter'), [['p', 'before'], ['ul', 'a'], ['p', 'after']]);
});

test('a nested item is one of the list, or stands below its item as it was written', () => {
  assert.deepEqual(shape('- a\n  - b\n- c'), [['ul', 'a', 'b', 'c']]);
  assert.deepEqual(shape('- a\n      - b\n- c'), [['ul', 'a\n- b', 'c']]);
  assert.deepEqual(shape('- a\n  more'), [['ul', 'a\nmore']]);
});

test('what only looks like a list is text', () => {
  for (const text of ['-5 degrees', '1.5 kWh', '*bold*', '12345. five digits', '-', '--- a', '2024.']) {
    assert.deepEqual(shape(text), [['p', text]], text);
  }
});

test('headings are short lines of their own', () => {
  assert.deepEqual(shape('## Rates\ntext\n#5 is no heading\n##### nor this'), [
    ['h', 'Rates'], ['p', 'text', '#5 is no heading', '##### nor this'],
  ]);
});

test('a code block is what stands between its fences, as it is', () => {
  assert.deepEqual(shape('a\n```js\n  - x\n\n**y**\n```\nb'), [['p', 'a'], ['pre', '  - x', '', '**y**'], ['p', 'b']]);
  assert.deepEqual(shape('```\nnever closed'), [['pre', 'never closed']]);
  assert.deepEqual(shape('```\na\n```js\nb\n```'), [['pre', 'a', '```js', 'b']], 'a fence with a word opens, and never closes');
});

test('a line that only begins like a fence keeps its words', () => {
  assert.deepEqual(shape('```all in one line```'), [['p', '```all in one line```']]);
  assert.deepEqual(shape('``` with words'), [['p', '``` with words']]);
});

test('a table is text', () => {
  const table = '| a | b |\n|---|---|\n| 1 | 2 |';
  assert.deepEqual(shape(table), [['p', ...table.split('\n')]]);
  assert.equal(shown(table), table);
});

test('bold and code', () => {
  assert.deepEqual(parts('a **b** c `d` e'), [['text', 'a '], ['bold', 'b'], ['text', ' c '], ['code', 'd'], ['text', ' e']]);
  assert.deepEqual(parts('`**x**`'), [['code', '**x**']]);
  assert.equal(shown('**see https://a.example/**'), 'see https://a.example/');
});

test('what isn’t closed is text', () => {
  for (const text of ['**', '****', '**a', 'a**', '`', '``', '`a', '**a\nb**', '[a]', '[a](', '[a](b)', '](', '**a*']) {
    assert.deepEqual(parts(text), [['text', text]], text);
  }
});

test('an address is a link, without the punctuation after it', () => {
  assert.deepEqual(parts('see https://a.example/x, or'), [['text', 'see '], ['link', 'https://a.example/x', 'https://a.example/x'], ['text', ', or']]);
  assert.deepEqual(parts('(https://a.example/)!'), [['text', '('], ['link', 'https://a.example/', 'https://a.example/'], ['text', ')!']]);
  assert.deepEqual(parts('[the page](https://a.example/x?y=1)'), [['link', 'the page', 'https://a.example/x?y=1']]);
  assert.deepEqual(parts('[mail](mailto:a@b.example) [call](tel:+1555)').filter(([kind]) => kind === 'link').length, 2);
});

test('nothing but http, https, mail and phone is a link', () => {
  for (const target of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', '//evil.example',
    '/path', ' https://a.example', 'blob:https://a.example/x', 'java\tscript:alert(1)', 'HTTPS:javascript', 'https:/x']) {
    const text = `[click](${target})`;
    assert.deepEqual(parts(text).filter(([kind, , href]) => kind === 'link' && href !== 'https://a.example/x' && href !== 'https://a.example'), [], text);
    assert.equal(shown(text), text);
  }
});

test('HTML is text', () => {
  const text = '<img src=x onerror="alert(1)"><script>alert(1)</script>&lt;';
  assert.deepEqual(parts(text), [['text', text]]);
});

const PIECES = ['**', '*', '`', '```', '\n', '\n\n', '- ', '1. ', '# ', '[', '](', ')', 'https://a.example', 'javascript:', ' ', '  ', '\t', 'word', 'Ünï',
  '👩‍👩‍👧', '\u202e', 'é', '|', '<b>', '\u2028', '\r\n', '.', '```js\n', '\ufeff'];
const MARKUP = /[*`#\-[\]()•]|\d{1,4}[.)]/g;

test('whatever is written, no character but markup gets lost, and none is made up', () => {
  const random = seeded(7);
  for (let n = 0; n < 4_000; n += 1) {
    const text = Array.from({ length: 1 + Math.floor(random() * 24) }, () => PIECES[Math.floor(random() * PIECES.length)]).join('');
    const kept = (/** @type {string} */ one) => bare(one.replaceAll(/\]\(https:\/\/a\.example[^\s()]*\)/g, ']').replace(MARKUP, ''));
    assert.equal(kept(shown(text)), kept(unfenced(text)), JSON.stringify(text));
  }
});

test('a growing text keeps its finished blocks', () => {
  const text = 'One\n\n- a\n- b\n\nTwo **b**\n\n```\ncode\n```\n\nThree';
  for (let n = 1; n < text.length; n += 1) {
    const [less, more] = [blocks(text.slice(0, n)), blocks(text.slice(0, n + 1))];
    const finished = Math.max(0, less.length - 2); // the last two may still become one
    assert.deepEqual(less.slice(0, finished), more.slice(0, finished), text.slice(0, n));
  }
});

test('thousands of signs that never close cost no more than reading them', () => {
  for (const piece of ['**', '**a', '`', '`a', '[', '[a](', '[a](https://', '- ', '1. ', '```\n', '> ', '**`[', 'https://.', '#', '*\u2028', '- \u2028', ' ']) {
    const text = piece.repeat(32_000 / piece.length);
    assert.equal(typeof shown(text), 'string', piece);
  }
  const end = `https://a${'.'.repeat(1_990)}x `.repeat(16);
  assert.equal(bare(shown(end)), bare(end));
  const items = `- ${' '.repeat(16_000)}${'x'.repeat(16_000)}\u2028`;
  assert.equal(bare(shown(items)), bare(items.slice(1)));
});
