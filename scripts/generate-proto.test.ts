/** The committed code of gRPC messages is what their .proto files say. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const root = dirname(import.meta.dirname);

for (const folder of globSync('{api,agent}/**/proto', { cwd: root })) {
  test(`${folder} is made into gen/ beside it, and nothing else is there`, (t) => {
    const made = mkdtempSync(join(tmpdir(), 'torwacht-proto-'));
    t.after(() => rmSync(made, { recursive: true, force: true }));
    const script = join(root, 'scripts/generate-proto.sh');
    execFileSync(script, [join(root, folder), made], { stdio: ['ignore', 'ignore', 'inherit'] });
    const committed = join(root, dirname(folder), 'gen');
    const read = (at: string) =>
      Object.fromEntries(
        readdirSync(at).map((name) => [name, readFileSync(join(at, name), 'utf8')]),
      );
    assert.ok(readdirSync(made).length > 0);
    assert.deepEqual(read(committed), read(made));
  });
}
