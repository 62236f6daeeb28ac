/** The built program and its image: small, static, and of one mind with the agent. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PROTOCOL } from '#agent/engine/attached.ts';
import { ATTACHED_NAME } from '#dns/decide.ts';
import { deniedPrefixes } from '#policy/always-denied.ts';
import { formatAddress } from '#policy/cidr.ts';
import { NAME } from './testing/answers.ts';

const root = join(import.meta.dirname, '..');
const path = join(root, 'build/barrier');
const skip = existsSync(path) ? false : 'needs a build (make barrier)';
const KIB = 1024;

/** Types of the program headers of a 64-bit ELF file (elf(5)), with their flags. */
function segments(file: Buffer): { type: number; flags: number }[] {
  assert.equal(file.subarray(0, 5).toString('latin1'), '\x7fELF\x02');
  const [at, size, count] = [
    Number(file.readBigUInt64LE(32)),
    file.readUInt16LE(54),
    file.readUInt16LE(56),
  ];
  return Array.from({ length: count }, (_, i) => ({
    type: file.readUInt32LE(at + i * size),
    flags: file.readUInt32LE(at + i * size + 4),
  }));
}

const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;

test('the program is static, without an executable stack, and below 64 KiB', { skip }, () => {
  const file = readFileSync(path);
  assert.ok(file.length < 64 * KIB, `${file.length} bytes`);
  const found = segments(file);
  assert.ok(found.every(({ type }) => type !== PT_INTERP && type !== PT_DYNAMIC));
  const stack = found.find(({ type }) => type === PT_GNU_STACK);
  assert.equal((stack?.flags ?? PF_X) & PF_X, 0);
});

test('the image is that file alone, run as nobody in particular', () => {
  const lines = readFileSync(join(root, 'images/barrier/Containerfile'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const words = lines.map((line) => line.split(' ')[0]);
  const instructions = words.filter((word) => /^[A-Z]+$/.test(word ?? ''));
  assert.deepEqual(instructions, ['FROM', 'ARG', 'ARG', 'LABEL', 'COPY', 'USER', 'ENTRYPOINT']);
  assert.ok(lines.includes('FROM scratch'));
  assert.ok(lines.includes('USER 65532:65532'));
});

test('its layer is below 200 KB', { skip }, () => {
  const layer = execFileSync('tar', ['-C', join(root, 'build'), '-cf', '-', 'barrier']);
  assert.ok(layer.length > 0 && layer.length < 200_000, `${layer.length} bytes`);
});

const protocol = readFileSync(join(root, 'barrier/protocol.h'), 'utf8');

function address(name: string): string {
  const [, numbers = ''] =
    new RegExp(`#define ${name} BAR_ADDRESS\\(([^)]*)\\)`).exec(protocol) ?? [];
  return numbers.replaceAll('u', '').split(', ').join('.');
}

test('protocol, name and probe addresses are those of the agent and its programs', () => {
  assert.equal(Number(/#define BAR_PROTOCOL (\d+)/.exec(protocol)?.[1]), PROTOCOL);
  const labels = ATTACHED_NAME.split('.').map((label) => String.fromCharCode(label.length) + label);
  assert.equal(NAME.toString('latin1'), `${labels.join('')}\0`);

  const verdict = readFileSync(join(root, 'bpf/verdict.h'), 'utf8');
  const define = (name: string) =>
    Number(new RegExp(`#define ${name} (0x[0-9a-f]+)`).exec(verdict)?.[1]);
  assert.equal(address('BAR_PROBE_OF_ADDRESSES'), formatAddress(define('TW_PROBES_NET')));
  assert.equal(address('BAR_PROBE_OF_PACKETS'), formatAddress(define('TW_PROBE_OF_PACKETS')));
  assert.equal(define('TW_PROBE_OF_PACKETS'), define('TW_PROBES_NET') + 1);
  const probes = deniedPrefixes.filter(({ reason }) => reason === 'probe');
  assert.deepEqual(
    probes.map(({ address, length }) => [address, length]),
    [[define('TW_PROBES_NET'), 31]],
  );
  assert.equal(address('BAR_SERVER'), '192.0.2.254');
});

const table = readFileSync(join(root, 'barrier/report.c'), 'utf8');

test('docs/barrier.md has every code with its exit code, and no other', () => {
  const coded = [...table.matchAll(/"(TW_BARRIER_\w+)", (\d+)/g)].map(
    ([, code, exit]) => `${code} ${exit}`,
  );
  assert.ok(coded.length >= 9);
  const text = readFileSync(join(root, 'docs/barrier.md'), 'utf8');
  const listed = [...text.matchAll(/^\| (\d+) +\| `(TW_BARRIER_\w+)`/gm)].map(
    ([, exit, code]) => `${code} ${exit}`,
  );
  assert.deepEqual(listed.sort(), coded.sort());
});

test('docs/barrier.md has every flag with its variable', () => {
  const settings = readFileSync(join(root, 'barrier/settings.c'), 'utf8');
  const known = [...settings.matchAll(/"(--\w+)", "(TORWACHT_\w+)"/g)].map(
    ([, flag, name]) => `${flag} ${name}`,
  );
  assert.ok(known.length >= 2);
  const text = readFileSync(join(root, 'docs/barrier.md'), 'utf8');
  const listed = [...text.matchAll(/^\| `(--\w+)` +\| `(TORWACHT_\w+)`/gm)].map(
    ([, flag, name]) => `${flag} ${name}`,
  );
  assert.deepEqual(listed, known);
});
