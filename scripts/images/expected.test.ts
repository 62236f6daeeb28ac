import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faults, unaccounted } from './expected.ts';
import { version } from './labels.ts';
import type { Image } from './look.ts';

const label = (word: string): string => `org.opencontainers.image.${word}`;
const file = (path: string, mode = '-rw-r--r--', owner = '0/0') => ({ path, mode, owner });

const good: Image = {
  compressed: 50e6,
  architecture: 'amd64',
  user: '65532:65532',
  labels: {
    [label('title')]: 'torwacht-operator',
    [label('description')]: 'something',
    [label('licenses')]: 'MPL-2.0',
    [label('version')]: version(),
    [label('revision')]: '',
  },
  entries: [
    file('/tmp', 'drwxr-xr-x'),
    file('/usr/bin/node', '-rwxr-xr-x'),
    file('/lib64/ld-linux-x86-64.so.2', '-rwxr-xr-x'),
    file('/lib/x86_64-linux-gnu/libc.so.6'),
    file('/usr/lib/torwacht/torwacht-operator.mjs'),
  ],
};

test('what is as it must be has no fault', () => {
  assert.deepEqual(faults('operator', good), []);
  const places = good.entries.map(({ path }) => path);
  assert.deepEqual(unaccounted(good, places), []);
});

const withFile = (...more: Parameters<typeof file>): Image => ({
  ...good,
  entries: [...good.entries, file(...more)],
});

const planted: readonly (readonly [what: string, image: Image, says: RegExp])[] = [
  ['too large', { ...good, compressed: 60e6 + 1 }, /^it has 60000001 bytes, more than 60000000$/],
  ['root', { ...good, user: '' }, /^it runs as root, not 65532:65532$/],
  ['without a label', { ...good, labels: {} }, /^it has no label revision$/],
  [
    'of another version',
    { ...good, labels: { ...good.labels, [label('version')]: '0' } },
    /version/,
  ],
  ['a shell', withFile('/bin/dash', '-rwxr-xr-x'), /^it has \/bin\/dash$/],
  ['busybox', withFile('/usr/bin/busybox'), /^it has \/usr\/bin\/busybox$/],
  ['a link to a shell', withFile('/bin/sh', 'lrwxrwxrwx'), /^it has \/bin\/sh$/],
  ['another program', withFile('/usr/bin/curl', '-rwxr-xr-x'), /curl is a program$/],
  ['setuid', withFile('/usr/bin/su', '-rwsr-xr-x'), /su has the mode/],
  ['setuid, and not to be run', withFile('/usr/bin/su', '-rwSr--r--'), /su has the mode/],
  ['open to all', withFile('/etc/torwacht', 'drwxrwxrwx'), /torwacht has the mode/],
  [
    "somebody else's",
    withFile('/etc/a', '-rw-r--r--', '1000/1000'),
    /a is of 1000\/1000, not root/,
  ],
  ['a list of apt', withFile('/var/lib/apt/lists/x'), /leftover/],
  ['a log', withFile('/var/log/dpkg.log'), /leftover/],
  ['a device', withFile('/dev/null', 'crw-rw-rw-'), /no plain file/],
];

for (const [what, image, says] of planted) {
  test(`found out: ${what}`, () => {
    const found = faults('operator', image);
    assert.ok(
      found.some((one) => says.test(one)),
      found.join('\n'),
    );
  });
}

test('a file that is in no bill is named', () => {
  assert.deepEqual(
    unaccounted(withFile('/usr/lib/other.so'), [
      '/usr/bin/node',
      '/lib64/ld-linux-x86-64.so.2',
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/usr/lib/torwacht/torwacht-operator.mjs',
    ]),
    ['/usr/lib/other.so is in no part of the SBOM'],
  );
});
