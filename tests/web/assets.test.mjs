/** What holds for every file that a browser is given. */

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const WEB = new URL('../../app/web/', import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, WEB), 'utf8');
const modules = readdirSync(WEB).filter((name) => name.endsWith('.js'));

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
  const page = read('index.html');
  assert(!/\sstyle=|<style|\son[a-z]+=|javascript:/i.test(page));
  for (const [, attributes, body] of page.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
    assert(attributes?.includes('src="/static/') && body === '', 'scripts come from files');
  }
});

test('every file that a page or a module names is there', () => {
  const named = [...read('index.html').matchAll(/"\/static\/([^"]+)"/g), ...modules.flatMap((name) => (
    [...read(name).matchAll(/(?:from '\.\/|at\('\/static\/)([^']+)'/g)]))];
  assert(named.length > 10);
  const files = readdirSync(WEB);
  for (const [, name] of named) assert(files.includes(name ?? ''), name);
});
