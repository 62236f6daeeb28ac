import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isJobUrl } from './job-url.ts';

const GITLAB = 'https://gitlab.example.com';

test('the page of a job is one, also below a path and at a port', () => {
  for (const [gitlab, url] of [
    [GITLAB, 'https://gitlab.example.com/shop/cart/-/jobs/4711'],
    [`${GITLAB}/`, 'https://gitlab.example.com/a/b/c/d_e/f.g-h/-/jobs/1'],
    ['http://git.test:8080/gitlab/', 'http://git.test:8080/gitlab/shop/cart/-/jobs/4711'],
  ] as const) {
    assert.ok(isJobUrl(gitlab, url), url);
  }
});

test('nothing else is', () => {
  for (const url of [
    'https://evil.example/shop/cart/-/jobs/4711',
    'https://gitlab.example.com.evil.example/shop/cart/-/jobs/1',
    'https://gitlab.example.com@evil.example/shop/cart/-/jobs/1',
    'https://gitlab.example.com:8443/shop/cart/-/jobs/1',
    'http://gitlab.example.com/shop/cart/-/jobs/1',
    'https://gitlab.example.com/shop/cart/-/jobs/1?x=<!channel>',
    'https://gitlab.example.com/shop/cart/-/jobs/1#"><script>',
    'https://gitlab.example.com/shop/../../-/jobs/1',
    'https://gitlab.example.com//evil.example/-/jobs/1',
    'https://gitlab.example.com/cart/-/jobs/1',
    'https://gitlab.example.com/shop/cart/-/jobs/1\n',
    'https://gitlab.example.com/shop/cart/-/settings',
    'https://GITLAB.example.com/shop/cart/-/jobs/1',
    'javascript:alert(1)//shop/cart/-/jobs/1',
    `https://gitlab.example.com/${'a'.repeat(1024)}/cart/-/jobs/1`,
    '',
  ]) {
    assert.ok(!isJobUrl(GITLAB, url), url);
  }
  assert.ok(!isJobUrl('not an address', 'https://gitlab.example.com/shop/cart/-/jobs/4711'));
  assert.ok(!isJobUrl(`${GITLAB}/sub`, 'https://gitlab.example.com/shop/cart/-/jobs/4711'));
});
