/** What holds for every file that a browser is given. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const WEB = new URL('../../app/web/', import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, WEB), 'utf8');
const files = readdirSync(WEB, { recursive: true });
const modules = files.filter((name) => name.endsWith('.js'));

test('a module is at most 150 lines and says first what it is for and what it must never do', () => {
  for (const name of modules) {
    const lines = read(name).trimEnd().split('\n');
    assert(lines.length <= 150, `${name}: ${lines.length} lines`);
    const docstring = read(name).slice(0, read(name).indexOf('*/'));
    assert(docstring.startsWith('/**') && /\bnever\b/.test(docstring), `${name}: docstring`);
  }
});

test('text is never parsed as HTML, nor as a program', () => {
  const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setHTML/;
  for (const name of modules) assert(!forbidden.test(read(name)), name);
});

test('the page needs no inline script or style, so that a strict policy holds', () => {
  const page = read('demo/index.html');
  assert(!/\sstyle=|<style|\son[a-z]+=|javascript:/i.test(page));
  for (const [, attributes, body] of page.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
    assert(attributes?.includes('src="/static/{{version}}/') && body === '', 'scripts come from files');
  }
});

test('every file that a page or a module names is there', () => {
  const named = [...read('demo/index.html').matchAll(/"\/static\/\{\{version\}\}\/([^"]+)"/g)].map(([, name]) => name);
  for (const name of modules) {
    const imports = [...read(name).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) => path ?? '');
    named.push(...imports.map((path) => path.replace('./static/{{version}}/', './'))
      .map((path) => new URL(path, `http://web/${name}`).pathname.slice(1)));
  }
  assert(named.length > 10);
  for (const name of named) assert(files.includes(name ?? ''), name);
});

test('what the server strips from a module means nothing: only styles have strings of several lines', () => {
  for (const name of modules) {
    const strings = read(name).replace(/'[^'\n]*'/g, '').match(/`[^`]*`/g) ?? [];
    for (const text of strings) {
      assert(!text.includes('\n') || name.includes('style'), `${name}: ${text.slice(0, 80)}`);
      assert(!/^[ \t]*(\/\*\*|\/\/)|\/\*\* @/m.test(text), `${name}: ${text.slice(0, 80)}`);
    }
  }
});
