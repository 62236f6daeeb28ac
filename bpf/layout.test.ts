import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { reasons } from '#api/event.ts';
import { MAX_PERMISSIONS } from '#policy/types.ts';
import * as layout from './layout.ts';
import { builtPath, native } from './native.ts';
import type { Fields, Struct } from './struct.ts';

const mirrored: Record<string, Struct<Fields>> = {
  tw_target: layout.target,
  tw_account: layout.account,
  tw_line: layout.line,
  tw_lines: layout.lines,
  tw_name: layout.name,
  tw_cidr_key: layout.cidrKey,
  tw_hashing: layout.hashing,
  tw_name_text: layout.nameText,
  tw_kept: layout.kept,
  tw_numbers: layout.numbers,
  tw_flow_key: layout.flowKey,
  tw_sock: layout.sock,
  tw_learned_name: layout.learnedName,
  tw_learned: layout.learned,
  tw_ancestor: layout.ancestor,
  tw_process: layout.processRecord,
  tw_part: layout.part,
  tw_asker_key: layout.askerKey,
  tw_asker: layout.asker,
  tw_row_key: layout.rowKey,
  tw_row: layout.row,
  tw_told_key: layout.toldKey,
  tw_told: layout.told,
  tw_output: layout.output,
  tw_labels: layout.labels,
  tw_lookup_key: layout.lookupKey,
  tw_lookup_type: layout.lookupType,
  tw_lookup: layout.lookup,
  tw_event: layout.event,
};

test('every struct has the size and the offsets that the compiler gave it', () => {
  const compiled = native().layout(builtPath('bpf/engine.bpf.o'));
  for (const [name, ours] of Object.entries(mirrored)) {
    assert.ok(compiled[name], `${name} is not in the object`);
    assert.deepEqual({ size: ours.size, fields: ours.offsets }, compiled[name], name);
  }
});

test('the numbers of reasons, counters and limits are those of layout.h', () => {
  const header = readFileSync(new URL('layout.h', import.meta.url), 'utf8');
  const list = (name: string) =>
    [
      ...(header.match(new RegExp(`enum ${name} \\{([^}]*)\\}`))?.[1] ?? '').matchAll(
        /^\s*TW_(\w+)/gm,
      ),
    ].map((m) => (m[1] as string).toLowerCase());
  const plain = (text: string) => text.replaceAll('-', '_');
  const kernel = list('tw_reason');
  assert.deepEqual(kernel, reasons.slice(0, kernel.length).map(plain));
  assert.deepEqual(list('tw_counter').slice(0, -1), layout.counterNames);
  assert.deepEqual(
    list('tw_hook').map((h) => h.replace('hook_', '')),
    layout.hooks,
  );
  const define = (name: string) => Number(header.match(new RegExp(`#define ${name} (\\d+)`))?.[1]);
  assert.equal(define('TW_SCHEMA'), layout.SCHEMA);
  assert.equal(define('TW_MEANING'), layout.MEANING);
  assert.equal(define('TW_NAME_TEXT'), layout.NAME_TEXT);
  assert.equal(define('TW_TICK_SHIFT'), layout.TICK_SHIFT);
  assert.equal(define('TW_MAX_TARGETS'), layout.MAX_TARGETS);
  assert.equal(define('TW_MAX_LEVELS'), layout.MAX_LEVELS);
  assert.equal(define('TW_MAX_LINES'), MAX_PERMISSIONS);
  assert.equal(define('TW_MAX_LINES'), layout.MAX_LINES);
  assert.equal(define('TW_MAX_NAMES'), layout.MAX_NAMES);
  assert.equal(define('TW_MAX_UPLINKS'), layout.MAX_UPLINKS);
  assert.equal(define('TW_MAX_OWN'), layout.MAX_OWN);
  assert.equal(define('TW_PROBES'), layout.PROBES);
  assert.equal(define('TW_LEARNED_FREE'), Number(layout.learnedMarks.free));
  assert.equal(define('TW_LEARNED_GONE'), Number(layout.learnedMarks.gone));
  assert.equal(define('TW_MAX_ANCESTORS'), layout.MAX_ANCESTORS);
  assert.equal(define('TW_PART'), layout.PART);
  assert.equal(define('TW_MAX_OUTPUTS'), layout.MAX_OUTPUTS);
  assert.equal(define('TW_LOOKUP_TYPES'), layout.LOOKUP_TYPES);
  assert.equal(define('TW_LOOKUP_NAME'), layout.LOOKUP_NAME);
  assert.equal(define('TW_OUTPUT_NAME'), layout.OUTPUT_NAME);
  assert.equal(define('TW_INSTANCE'), layout.INSTANCE);
  assert.equal(define('TW_LABELS'), layout.LABELS);
});
