/** What bin/torwacht and the bundle promise together, and set-up's way with what is missing. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const root = join(import.meta.dirname, '..');

/** A checkout of its own: the wrapper, this Node, and a bundle of `source` unless that is empty. */
function checkout(context: TestContext, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-start-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['bin', 'build', 'node_modules/.bin']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  copyFileSync(join(root, 'bin', 'torwacht'), join(folder, 'bin', 'torwacht'));
  symlinkSync(process.execPath, join(folder, 'node_modules', '.bin', 'node'));
  if (source !== '') {
    const entry = join(folder, 'entry.ts');
    writeFileSync(entry, source);
    const output = join(folder, 'build', 'torwacht.mjs');
    execFileSync(process.execPath, [join(root, 'scripts', 'bundle.ts'), output, entry]);
  }
  return folder;
}

function start(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  return spawnSync(program, args, {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...environment },
  });
}

test('it starts through links, passes arguments unchanged, and gives the exit code', (context) => {
  const folder = checkout(
    context,
    'console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 7;',
  );
  const link = join(folder, 'elsewhere');
  symlinkSync(join('bin', 'torwacht'), link);
  const args = ['run', '--', 'sh', '-c', 'a "b"  *', ''];
  const { status, stdout } = start(link, args);
  assert.deepEqual(JSON.parse(stdout), args);
  assert.equal(status, 7);
});

test('variables that steer Node reach the command that is held, but not our Node', (context) => {
  const folder = checkout(
    context,
    `console.log(JSON.stringify({
      loaded: 'intruder' in globalThis,
      environment: Object.fromEntries(Object.entries(process.env).filter(([k]) => /NODE|TORW/.test(k))),
    }));`,
  );
  const intruder = join(folder, 'intruder.cjs');
  writeFileSync(intruder, 'globalThis.intruder = true;');
  const environment = { NODE_OPTIONS: `--require "${intruder}"`, NODE_DEBUG: '' };
  const { stdout } = start(join(folder, 'bin', 'torwacht'), [], environment);
  assert.deepEqual(JSON.parse(stdout), {
    loaded: false,
    environment,
  });
});

test('dependencies written as CommonJS work in the bundle', (context) => {
  const yaml = JSON.stringify(join(root, 'node_modules', 'yaml', 'dist', 'index.js'));
  const folder = checkout(
    context,
    `import { parse } from ${yaml};
     import { createRequire } from 'node:module';
     const require = createRequire(import.meta.url);
     console.log(parse('a: 1').a, typeof require('node:fs').readFileSync);`,
  );
  const { stdout, stderr } = start(join(folder, 'bin', 'torwacht'), []);
  assert.equal(stderr, '');
  assert.equal(stdout, '1 function\n');
});

test('what ships takes no addon that the environment names', (context) => {
  const folder = checkout(context, `console.log(process.env['TORWACHT_ADDON'] ?? 'own');`);
  const { stdout } = start(join(folder, 'bin', 'torwacht'), [], { TORWACHT_ADDON: '/x.node' });
  assert.equal(stdout, 'own\n');
});

test('without a build or without Node it says in one line what to do', (context) => {
  const folder = checkout(context, '');
  const unbuilt = start(join(folder, 'bin', 'torwacht'), []);
  assert.equal(unbuilt.status, 5);
  assert.match(unbuilt.stderr, /^torwacht: not built yet: .* Run 'make' in .*\.\n$/);

  writeFileSync(join(folder, 'build', 'torwacht.mjs'), '');
  rmSync(join(folder, 'node_modules'), { recursive: true });
  const nodeless = start(join(folder, 'bin', 'torwacht'), []);
  assert.equal(nodeless.status, 5);
  assert.match(nodeless.stderr, /^torwacht: its Node\.js is missing\. Run 'make setup' in .*\.\n$/);
});

/** Only what the scripts themselves run; no compiler, and no apt either. */
function bareHost(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'torwacht-bare-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const name of ['bash', 'readlink', 'dirname', 'uname', 'id', 'sed', 'sort', 'head']) {
    symlinkSync(join('/usr/bin', name), join(folder, name));
  }
  return folder;
}

test('set-up names in one line what a bare host lacks, and installs nothing when asked to check', (context) => {
  const folder = bareHost(context);
  const script = join(root, 'scripts', 'setup.sh');
  const bare = start('/bin/bash', [script], { PATH: folder });
  assert.equal(bare.status, 5);
  assert.match(
    bare.stderr,
    /^setup: missing on this host: clang \(compiles the eBPF programs\), .*\n$/,
  );
  assert.match(bare.stderr, / musl-gcc \(compiles the barrier\),/);
  assert.match(
    bare.stderr,
    /This is not Debian or Ubuntu: install .*\bclang\b.*, then run make again\.\n$/,
  );
  assert.doesNotMatch(bare.stderr, /\bbuildah\b/);
  const cluster = start('/bin/bash', [script, '--check', '--cluster'], { PATH: folder });
  assert.equal(cluster.status, 5);
  assert.match(cluster.stderr, /\bclang\b.*\bbuildah \(builds images\)/);
  const kernels = start('/bin/bash', [script, '--check', '--kernels'], { PATH: folder });
  assert.equal(kernels.status, 5);
  assert.match(kernels.stderr, /\bclang\b.*\bqemu-system-x86_64 \(boots other kernels\)/);
  assert.doesNotMatch(kernels.stderr, /\bbuildah\b/);
  const images = start('/bin/bash', [script, '--check', '--images'], { PATH: folder });
  assert.equal(images.status, 5);
  assert.match(images.stderr, /\bbuildah \(builds images\).*\(compiles for arm64\)/);
  assert.doesNotMatch(images.stderr, /\betcd\b/);
});

test('Go for the test cluster: one that is new enough is used, an older one fetches another', (context) => {
  const folder = bareHost(context);
  // A checkout that has no Go of its own.
  mkdirSync(join(folder, 'checkout', 'scripts'), { recursive: true });
  const script = join(folder, 'checkout', 'scripts', 'go.sh');
  copyFileSync(join(root, 'scripts', 'go.sh'), script);
  const environment = { PATH: folder, HOME: folder };
  const none = start('/bin/bash', [script, 'version'], environment);
  assert.equal(none.status, 5);
  assert.match(
    none.stderr,
    /^go: there is no Go on this host\. Run scripts\/setup\.sh --cluster\.\n$/,
  );
  const go = join(folder, 'go');
  const say = (version: string): void => {
    const script = `#!/bin/bash
if [ "$1" = env ]; then echo go${version}; else echo "$*" >&2; [ "$1" != mod ]; fi\n`;
    writeFileSync(go, script, { mode: 0o755 });
  };
  say('1.26.6');
  const good = start('/bin/bash', [script, 'build', '.'], environment);
  assert.equal(good.status, 0);
  assert.equal(good.stderr, 'build .\n');
  say('1.9.7');
  const old = start('/bin/bash', [script, 'build', '.'], environment);
  assert.equal(old.status, 5);
  assert.match(old.stderr, /fetching Go 1\.\d+\.\d+, the one of this host is too old\n/);
  assert.match(old.stderr, /\nmod download -json golang\.org\/toolchain@v0\.0\.1-go1\./);
  assert.match(old.stderr, /could not fetch .* Go module proxy/);
});
