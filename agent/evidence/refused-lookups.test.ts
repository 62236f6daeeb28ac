import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EgressEvent, reasons } from '#api/event.ts';
import { processRecord, rowKey } from '#bpf/layout.ts';
import { toldLookupKey } from '#bpf/lookup-table.ts';
import type { KeptLookup } from '#bpf/records.ts';
import type { RefusedQuery } from '#dns/ports.ts';
import type { CompiledPolicy } from '#policy/types.ts';
import { LOOKUP_BUDGET } from './refused-lookups.ts';
import { RowTable } from './rows.ts';
import type { ToldRow } from './told-row.ts';

const TARGET = 3;
const NAME = 'bad.example.test';
const ASKER = { pid: 5, start: 77n };

function policyOf(mode: 'Block' | 'Observe', ...rules: readonly string[]): CompiledPolicy {
  const named = ['default', ...rules].map((name) => ({ name, policy: 'ci/web' }));
  return { mode, digest: mode, rules: named, names: [], cidrs: [], upstreams: [] };
}

const query = (change: Partial<RefusedQuery> = {}): RefusedQuery => ({
  ...{ name: NAME, type: 1, reason: 'default', rule: 0, cname: null, address: null },
  client: { address: '127.0.0.1', port: 4000, transport: 'udp' },
  resolved: false,
  ...change,
});

/** What outlives agents: lookups, how much of each was told, and what the kernel knows. */
class Node {
  readonly lookups = new Map<number, KeptLookup>();
  readonly told = new Map<string, number>();
  readonly policies = new Map([[1, policyOf('Block', 'no evil')]]);
  readonly rows: Buffer[] = [];
  /** Does the kernel still remember who asked? */
  remembers = true;
  hasRoom = true;
  now = 1000;
}

/** One agent, until it is forgotten, which is its kill -9. */
class Life {
  readonly faults: unknown[] = [];
  readonly table: RowTable;
  readonly #node: Node;
  readonly #waiting: ToldRow[] = [];
  readonly #events: EgressEvent[] = [];

  constructor(node: Node) {
    this.#node = node;
    const process = processRecord.read(processRecord.write(ASKER));
    this.table = new RowTable({
      kernel: {
        row: () => ({ count: 1n, first: 1n, last: 1n }),
        rowKeys: () => node.rows,
        process: () => (node.remembers ? process : undefined),
        partName: () => undefined,
        asker: () => ASKER,
        lookups: {
          of: () => [...node.lookups].map(([number, lookup]) => ({ number, lookup })),
          delete: (_, number) => void node.lookups.delete(number),
          write(_, number, lookup) {
            if (!node.hasRoom) throw Object.assign(new Error('full'), { code: 'E2BIG' });
            node.lookups.set(number, lookup);
          },
        },
      },
      target: {
        spec: { id: TARGET },
        policy: node.policies.get(1) as CompiledPolicy,
        inForce: { table: 1 },
        names: { nameOf: () => NAME },
        policyOf: (number) => node.policies.get(number),
      },
      searches: ['ci.svc.cluster.local'],
      labels: { target: 't', namespace: null, pod: null, project_id: '42', job_name: 'install' },
      now: () => node.now,
      wallTime: () => node.now,
      outside: () => false,
      toldOf: (row) => node.told.get(row.toString('latin1')) ?? 0,
      fault: (error) => this.faults.push(error),
      onRow: (event, parts) => this.#add({ event, parts }),
    });
    this.table.recall();
    this.table.find();
  }

  /** All that it had to tell is where no end of it takes it away. Gives how many attempts that added. */
  tell(rows: readonly ToldRow[] = this.table.grown()): number {
    for (const row of rows) this.#add(row);
    const told = this.#waiting.splice(0);
    for (const { row, to } of told.flatMap(({ parts }) => parts)) this.#node.told.set(row, to);
    return told.reduce((sum, { event }) => sum + (event.added ?? 0), 0);
  }

  end(): number {
    return this.tell(this.table.finish());
  }

  ask(change: Partial<RefusedQuery> = {}, times = 1): void {
    for (let time = 0; time < times; time++) this.table.refused(query(change));
  }

  ids(): readonly (string | null)[] {
    return [...new Set(this.#events.map(({ id }) => id))];
  }

  last(): EgressEvent {
    return this.#events.at(-1) as EgressEvent;
  }

  #add(row: ToldRow): void {
    const span = row.parts.reduce((sum, { from, to }) => sum + to - from, 0);
    if (row.event.port === null && row.parts.length > 0) assert.equal(span, row.event.added);
    this.#waiting.push(row);
    this.#events.push(row.event);
  }
}

test('what a killed agent had not told of lookups, the next one tells, and no more than that', () => {
  const node = new Node();
  const first = new Life(node);
  first.ask({}, 3);
  const second = new Life(node);
  assert.equal(second.tell(), 3, 'nothing was told');
  node.now = 2000;
  second.ask({}, 4);
  const third = new Life(node);
  assert.equal(third.tell(), 4, 'a part was told');
  assert.deepEqual(third.ids(), second.ids(), 'it is one row');
  const { count, added, time, last_seen, rule, comm, domain } = third.last();
  assert.deepEqual([count, added, rule, domain, comm], [7, 4, 'default', NAME, '']);
  assert.deepEqual([Date.parse(time), Date.parse(last_seen)], [1000, 2000]);
  assert.equal(new Life(node).end(), 0, 'all was told');
});

test('types of one lookup are one attempt, whoever counted which', () => {
  const node = new Node();
  const first = new Life(node);
  first.ask({ type: 1 }, 3);
  first.ask({ type: 28 }, 2);
  const second = new Life(node);
  second.ask({ type: 28 });
  assert.equal(second.tell(), 3);
  second.ask({ type: 28 });
  assert.equal(second.end(), 1);
});

test('an answer’s address, a rule and another reason come back with it', () => {
  const node = new Node();
  new Life(node).ask({ address: 0x0a000001, rule: 1, reason: 'private-answer' });
  const next = new Life(node);
  assert.equal(next.end(), 1);
  const { ip, rule, reason, pid } = next.last();
  assert.deepEqual([ip, rule, reason, pid], ['10.0.0.1', 'no evil', 'private-answer', 5]);
});

test('who asked is known by the pid where the kernel has forgotten the rest', () => {
  const node = new Node();
  new Life(node).ask();
  node.remembers = false;
  const next = new Life(node);
  next.end();
  assert.deepEqual([next.last().pid, next.last().comm], [5, null]);
});

test('lookups that nobody can tell apart any more are rows of their own, each counted once', () => {
  const node = new Node();
  const first = new Life(node);
  first.ask({ rule: 1 }, 2);
  const kept = node.lookups.get(1) as KeptLookup;
  node.lookups.set(2, { ...kept, table: 2 });
  node.lookups.set(3, { ...kept, table: 3 });
  node.policies.clear();
  node.policies.set(1, policyOf('Block'));
  const second = new Life(node);
  assert.equal(second.tell(), 6);
  assert.equal(second.ids().length, 3);
  const third = new Life(node);
  assert.deepEqual([third.end(), third.ids()], [0, second.ids()]);
});

test('names beyond the budget are counted on, and get no row in another life either', () => {
  const node = new Node();
  const first = new Life(node);
  for (let index = 0; index < LOOKUP_BUDGET + 5; index++) first.ask({ name: `n${index}.example` });
  const second = new Life(node);
  assert.equal(second.table.overflow, 5);
  assert.equal(second.tell(), LOOKUP_BUDGET);
  second.ask({ name: 'new.example' });
  second.ask({ name: 'n7.example' });
  assert.deepEqual([second.table.overflow, second.end()], [6, 1]);
});

test('one that waits for its connection waits in the next life, and is told where none comes', () => {
  const node = new Node();
  node.policies.set(1, policyOf('Observe'));
  new Life(node).ask({ resolved: true }, 2);
  const second = new Life(node);
  assert.equal(second.tell(), 0);
  const third = new Life(node);
  assert.equal(third.end(), 2);
  assert.equal(third.last().action, 'observe');
});

test('a connection says all that the lookup of a life before said', () => {
  const node = new Node();
  node.policies.set(1, policyOf('Observe'));
  new Life(node).ask({ resolved: true }, 2);
  const reason = reasons.indexOf('default');
  const { pid, start } = ASKER;
  const key = { start, pid, target: TARGET, name: 9, port: 443, proto: 6, passed: 1, reason };
  node.rows.push(rowKey.write(key));
  const second = new Life(node);
  assert.equal(node.lookups.size, 0, 'it is written down no more');
  assert.equal(second.end(), 1, 'the connection alone');
});

test('a name with an ending waits for the bare one over a kill', () => {
  const node = new Node();
  const name = `${NAME}.ci.svc.cluster.local`;
  new Life(node).ask({ name });
  const second = new Life(node);
  assert.equal(second.tell(), 0);
  second.ask();
  assert.equal(second.tell(), 1, 'the bare name alone');
  assert.deepEqual(
    [...node.lookups.values()].map((lookup) => lookup.name),
    [NAME],
  );
  const alone = new Node();
  new Life(alone).ask({ name });
  assert.equal(new Life(alone).end(), 1, 'no bare name came');
});

test('where there is no room it is counted all the same, said once, and lost with the agent', () => {
  const node = new Node();
  node.hasRoom = false;
  const first = new Life(node);
  first.ask({}, 2);
  first.ask({ name: 'other.example' });
  assert.deepEqual(
    first.faults.map((error) => (error as NodeJS.ErrnoException).code),
    ['TW_AGENT_LOOKUPS_FULL'],
  );
  node.hasRoom = true;
  assert.equal(first.tell(), 3);
  assert.equal(node.told.size, 0, 'nothing is said of what is not there');
  assert.equal(new Life(node).end(), 0);
});

test('after the last telling nothing is written down: the target is its owner’s to clear away', () => {
  const node = new Node();
  const life = new Life(node);
  life.ask();
  life.end();
  node.lookups.clear();
  life.ask({ name: 'late.example' });
  life.ask();
  assert.equal(node.lookups.size, 0);
});

test('each lookup is told under a key of its own, which no row of the kernel has', () => {
  const keys = [0, 1, 2].map((number) => toldLookupKey(TARGET, number).toString('latin1'));
  assert.equal(new Set(keys).size, 3);
  const { target, hook, reason } = rowKey.read(toldLookupKey(TARGET, 1));
  assert.deepEqual([target, hook, reasons[reason]], [TARGET, 4, 'none']);
});
