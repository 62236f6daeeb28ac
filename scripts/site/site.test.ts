import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';
import { parsePage } from './page.ts';
import { site } from './site.ts';
import { root, sources } from './sources.ts';

const pages = sources();
const files = site({ pages });

/** Every href and src of a file. */
const addresses = (html: string) =>
  [...html.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, address = '']) => address);

test('the site has every page of docs/, and those about the project', () => {
  const expected = [
    ...globSync('docs/**/*.md', { cwd: root }),
    ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md'],
  ];
  assert.ok(expected.length > 50);
  for (const path of expected) {
    const file = path.replace(/README\.md$/, 'index.html').replace(/\.md$/, '.html');
    assert.ok(files.has(file), `${path} is not in docs/README.md, or anywhere else`);
  }
});

test('every address on it leads to a file of it and an anchor there, or to https', () => {
  let inner = 0;
  for (const [path, html] of files) {
    for (const address of addresses(html)) {
      if (/^https?:/.test(address)) continue;
      const [target = '', anchor] = address.split('#', 2);
      const file = target === '' ? path : posix.join(posix.dirname(path), target);
      const text = files.get(file);
      assert.ok(text !== undefined, `${path}: ${address}`);
      if (anchor !== undefined) assert.ok(text.includes(` id="${anchor}"`), `${path}: ${address}`);
      inner++;
    }
  }
  assert.ok(inner > 1000, `${inner} addresses`);
});

test('the menu is on every page, and says where one is', () => {
  for (const path of ['docs/quick-start.html', 'docs/limits.html', 'CHANGELOG.html']) {
    const html = files.get(path) ?? '';
    const current = [...html.matchAll(/<a href="([^"]*)" aria-current="page">/g)];
    assert.deepEqual(
      current.map(([, address]) => address),
      [posix.basename(path)],
    );
    assert.match(html, /<h2>What holds, and what does not<\/h2>/);
  }
  assert.match(files.get('docs/adr/0003-jiffies-for-expiry.html') ?? '', /href="\.\.\/run\.html"/);
});

test('nothing on it runs, or comes from elsewhere', () => {
  for (const [path, html] of files) {
    if (path.endsWith('.css')) assert.doesNotMatch(html, /url\(|@import/);
    else assert.doesNotMatch(html, /<script|<iframe|<img|<link[^>]*href="https?:| on\w+="/, path);
  }
});

const small = (text: string) => [
  parsePage('README.md', `# Torwacht\n\n[docs](docs)\n\n${text}`),
  parsePage('docs/README.md', '# Pages\n\n## All\n\n| page |\n| --- |\n| [a](a.md) |\n'),
  parsePage('docs/a.md', '# A & <b>\n\n## Two\n\n[back](../README.md) [here](#two)\n'),
  parsePage('docs/lonely.md', '# Nobody leads here\n'),
];

test('links go to the pages that files become; what is none is text, or in the repository', () => {
  const text = 'See [a](docs/a.md#two), [that](bin/x) and [those](https://example.com/?a&b).';
  const plain = site({ pages: small(text) });
  assert.deepEqual(
    [...plain.keys()],
    ['style.css', 'index.html', 'docs/index.html', 'docs/a.html'],
  );
  const index = plain.get('index.html') ?? '';
  assert.match(index, /See <a href="docs\/a\.html#two">a<\/a>, that and/);
  assert.match(index, /<a href="https:\/\/example\.com\/\?a&amp;b">those<\/a>/);
  assert.match(
    plain.get('docs/a.html') ?? '',
    /href="\.\.\/index\.html">back<\/a> <a href="#two">/,
  );
  const repository = 'https://git.example.com/x/-/blob/main/';
  const linked = site({ pages: small(text), repository }).get('index.html') ?? '';
  assert.match(linked, new RegExp(`<a href="${repository}bin/x">that</a>`));
});

test('a title is text', () => {
  assert.match(site({ pages: small('') }).get('docs/a.html') ?? '', /<title>A &amp; /);
});
