/**
 * A build of Torwacht with another layout of maps: the sources of this one in a folder, with a field more in
 * some structs of bpf/layout.h and bpf/maps.h, and in their mirror in bpf/layout.ts. As another version may be.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What it says of itself. */
export const OTHER_VERSION = '0.0.9';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = [
  'api',
  'policy',
  'dns',
  'kube',
  'delivery',
  'bpf',
  'agent',
  'operator',
  'webhook',
  'test/lab',
  'test/kernel',
];
const FILES = ['tsconfig.json', 'Makefile'];

/** In each: the text, and what stands there instead. Fields move, sizes change. */
const CHANGES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'bpf/layout.h': [
    ['struct tw_target {\n', 'struct tw_target {\n\t__u64 wider;\n'],
    ['struct tw_name_text {\n', 'struct tw_name_text {\n\t__u32 wider;\n'],
    ['struct tw_learned {\n', 'struct tw_learned {\n\t__u64 wider;\n'],
    ['struct tw_flow_key {\n', 'struct tw_flow_key {\n\t__u32 wider;\n'],
    ['struct tw_row_key {\n', 'struct tw_row_key {\n\t__u64 wider;\n'],
    ['struct tw_told {\n', 'struct tw_told {\n\t__u64 wider;\n'],
    ['struct tw_output {\n', 'struct tw_output {\n\t__u64 wider;\n'],
    ['struct tw_lookup_key {\n', 'struct tw_lookup_key {\n\t__u32 wider;\n'],
    ['struct tw_lookup {\n', 'struct tw_lookup {\n\t__u64 wider;\n'],
    ['struct tw_labels {\n', 'struct tw_labels {\n\t__u32 wider;\n'],
    ['struct tw_process {\n', 'struct tw_process {\n\t__u64 wider;\n'],
  ],
  'bpf/maps.h': [['struct tw_sock {\n', 'struct tw_sock {\n\t__u64 wider;\n']],
  'bpf/layout.ts': [
    ['export const target = struct({', "export const target = struct({ wider: 'u64',"],
    ['export const nameText = struct({', "export const nameText = struct({ wider: 'u32',"],
    ['export const learned = struct({', "export const learned = struct({ wider: 'u64',"],
    ['export const flowKey = struct({', "export const flowKey = struct({ wider: 'u32',"],
    ['export const rowKey = struct({', "export const rowKey = struct({ _wider: 'u64',"],
    ['export const told = struct({', "export const told = struct({ _wider: 'u64',"],
    ['export const output = struct({', "export const output = struct({ _wider: 'u64',"],
    ['export const lookupKey = struct({', "export const lookupKey = struct({ _wider: 'u32',"],
    ['export const lookup = struct({', "export const lookup = struct({ _wider: 'u64',"],
    ['export const labels = struct({', "export const labels = struct({ _wider: 'u32',"],
    [
      'export const processRecord = struct({',
      "export const processRecord = struct({ _wider: 'u64',",
    ],
    ['export const sock = struct({', "export const sock = struct({ wider: 'u64',"],
  ],
};

/** Makes it in `folder` and gives that back. */
export function makeOtherBuild(folder: string): string {
  mkdirSync(join(folder, 'build/bpf'), { recursive: true });
  for (const source of SOURCES)
    cpSync(join(ROOT, source), join(folder, source), { recursive: true });
  for (const file of FILES) cpSync(join(ROOT, file), join(folder, file));
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as object;
  const other = JSON.stringify({ ...manifest, version: OTHER_VERSION });
  writeFileSync(join(folder, 'package.json'), other);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const built of ['torwacht.node', 'torwacht-parent']) {
    symlinkSync(join(ROOT, 'build', built), join(folder, 'build', built));
  }
  for (const [file, changes] of Object.entries(CHANGES)) change(join(folder, file), changes);
  const flags = ['-O2', '-g', '-target', 'bpf', '-mcpu=v2', '-D__TARGET_ARCH_x86'];
  const machine = execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim();
  if (machine === 'aarch64') flags.splice(-1, 1, '-D__TARGET_ARCH_arm64');
  const include = [`-I/usr/include/${machine}-linux-gnu`, `-I${join(folder, 'bpf')}`];
  const object = join(folder, 'build/bpf/engine.bpf.o');
  const source = join(folder, 'bpf/engine.bpf.c');
  execFileSync('clang', [...flags, ...include, '-c', source, '-o', object]);
  return folder;
}

function change(path: string, changes: readonly (readonly [string, string])[]): void {
  let text = readFileSync(path, 'utf8');
  for (const [from, to] of changes) {
    if (text.split(from).length !== 2) throw new Error(`${path} has not one '${from.trim()}'`);
    text = text.replace(from, to);
  }
  writeFileSync(path, text);
}
