import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { deadLinks } from './links.ts';
import { parsePage } from './page.ts';
import { root, sources } from './sources.ts';

test('every link of every page leads somewhere, anchors too', () => {
  const pages = sources();
  const links = pages.flatMap((page) => page.links);
  assert.ok(
    pages.length > 60 && links.length > 200,
    `${pages.length} pages, ${links.length} links`,
  );
  for (const path of [
    'README.md',
    'docs/adr/0003-jiffies-for-expiry.md',
    '.gitlab/issue_templates/Bug.md',
  ]) {
    assert.ok(
      pages.some((page) => page.path === path),
      path,
    );
  }
  assert.deepEqual(
    deadLinks(pages, (path) => existsSync(join(root, path))),
    [],
  );
});

const other = '# Other\n\n## What `it` _is_, and [why](../README.md)\n\n## Twice\n\n## Twice\n';
const files = ['README.md', 'docs', 'docs/other.md', 'docs/page.md', 'bin/program'];

for (const [href, reason] of [
  ['other.md', undefined],
  ['../docs/other.md#what-it-is-and-why', undefined],
  ['other.md#twice-1', undefined],
  ['../README.md', undefined],
  ['../docs/', undefined],
  ['../bin/program', undefined],
  ['#here', undefined],
  ['https://example.com/a#b', undefined],
  ['gone.md', 'does not exist'],
  ['other.md#gone', 'names no heading of docs/other.md'],
  ['other.md#twice-2', 'names no heading of docs/other.md'],
  ['#gone', 'names no heading of docs/page.md'],
  ['../bin/program#main', 'has an anchor and is no page'],
  ['../../README.md', 'leads out of the repository'],
  ['/docs/other.md', 'begins at the root of a host, which nobody knows'],
  ['mailto:someone@example.com', 'is neither a path nor http'],
  ['https://', 'is no URL'],
] as const) {
  test(`a link to ${href} ${reason ?? 'is good'}`, () => {
    const pages = [
      parsePage('docs/page.md', `# Here\n\nText.\n\n| a |\n| - |\n| see [this](${href}) |\n`),
      parsePage('docs/other.md', other),
      parsePage('README.md', ''),
    ];
    const expected = reason === undefined ? [] : [`docs/page.md:5: ${href} ${reason}`];
    assert.deepEqual(
      deadLinks(pages, (path) => files.includes(path)),
      expected,
    );
  });
}

test('what stands in code is no link', () => {
  const text = '`[a](gone.md)`\n\n```text\n[b](gone.md)\n```\n\n<!-- [c](gone.md) -->\n';
  assert.deepEqual(parsePage('docs/page.md', text).links, []);
});
