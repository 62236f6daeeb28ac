import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Authorities, certificatesOf } from './authorities.ts';
import { Poster } from './post.ts';
import { makeAuthority } from './testing/private-authority.ts';

const ours = makeAuthority('ours');
const next = makeAuthority('the next one');
const folder = mkdtempSync(join(tmpdir(), 'torwacht-authorities-'));
const path = join(folder, 'ca.crt');
after(() => {
  for (const one of [ours, next]) one.remove();
  rmSync(folder, { recursive: true });
});

const receivers = await Promise.all([ours.serve(), next.serve()]);
const [first, second] = receivers;
after(() => Promise.all(receivers.map((one) => one.close())));

/** Over a connection of its own. */
async function post(url: URL): Promise<number | string> {
  const poster = new Poster(url);
  try {
    return (await poster.post({}, '{}', new AbortController().signal)).status;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  } finally {
    poster.close();
  }
}

const REFUSED = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';

test('a receiver of a private authority is reached with it, and not without', async (t) => {
  const told: unknown[] = [];
  const authorities = new Authorities(path, {
    taken: (count) => told.push(count),
    failed: (error) => told.push(error.message),
  });
  t.after(() => authorities.close());
  assert.deepEqual([await post(first.url), first.received.length], [REFUSED, 0]);

  authorities.read();
  authorities.read();
  assert.match(String(told.shift()), /ENOENT/);
  assert.deepEqual([told, await post(first.url)], [[], REFUSED], 'told once, and nothing trusted');

  writeFileSync(path, ours.certificate);
  authorities.read();
  assert.deepEqual(told.splice(0), [1]);
  assert.deepEqual([await post(first.url), await post(second.url)], [200, REFUSED]);

  writeFileSync(path, 'a mistake');
  authorities.read();
  assert.deepEqual(told.splice(0), ['it holds no certificate in PEM']);
  assert.equal(await post(first.url), 200, 'what was trusted before stays');

  writeFileSync(
    path,
    `# both, while one follows the other\n${ours.certificate}${next.certificate}`,
  );
  authorities.read();
  assert.deepEqual([await post(first.url), await post(second.url)], [200, 200]);

  writeFileSync(path, next.certificate);
  authorities.read();
  assert.deepEqual([await post(first.url), await post(second.url)], [REFUSED, 200]);
  assert.deepEqual(told, [2, 1]);

  authorities.close();
  assert.equal(await post(second.url), REFUSED);
  assert.deepEqual([first.received.length, second.received.length], [3, 2]);
});

test('of a file with one that is none, nothing is used', () => {
  const broken = ours.certificate.replace(/\n[\w+/]{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
  assert.throws(
    () => certificatesOf(`${ours.certificate}${broken}`),
    /^Error: certificate 2 in it/,
  );
  assert.throws(() => certificatesOf(''), /holds no certificate/);
  assert.equal(certificatesOf(`${ours.certificate}${next.certificate}`).length, 2);
});
