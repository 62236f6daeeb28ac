import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EgressEvent } from '#api/event.ts';
import { Fan } from './fan.ts';
import type { EventBatch, EventSink } from './sink.ts';

const signal = new AbortController().signal;
const event = {} as EgressEvent;

function batch(from: number, to: number, source = 'n1/a'): EventBatch {
  const events = Array.from({ length: to - from + 1 }, (_, at) => ({ seq: from + at, event }));
  return { node: 'n1', source, events };
}

/** What it was given, and what it does about the next batch. */
function sinkOf(name: string) {
  const taken: number[] = [];
  const sink: EventSink & { taken: number[]; failing: boolean } = {
    name,
    taken,
    failing: false,
    async take({ events }) {
      if (sink.failing) throw new Error(`${name} is full`);
      taken.push(...events.map(({ seq }) => seq));
    },
  };
  return sink;
}

test('a batch that comes again is taken once, one that overlaps by what is new', async () => {
  const sink = sinkOf('one');
  const fan = new Fan([sink]);
  assert.equal(await fan.take(batch(1, 3), signal), 3);
  assert.equal(await fan.take(batch(1, 3), signal), 0);
  assert.equal(await fan.take(batch(2, 5), signal), 2);
  assert.deepEqual(sink.taken, [1, 2, 3, 4, 5]);
  assert.equal(
    await fan.take(batch(1, 2, 'n2/a'), signal),
    2,
    'another source has its own numbers',
  );
});

test('where one sink fails, the batch is not taken, and only that sink gets it again', async () => {
  const [good, bad] = [sinkOf('good'), sinkOf('bad')];
  const fan = new Fan([good, bad]);
  bad.failing = true;
  await assert.rejects(fan.take(batch(1, 2), signal), /bad is full/);
  bad.failing = false;
  await fan.take(batch(1, 2), signal);
  assert.deepEqual(
    [good.taken, bad.taken],
    [
      [1, 2],
      [1, 2],
    ],
  );
});

test('a replica that leads again asks every sink: it does not know what happened meanwhile', async () => {
  const sink = sinkOf('one');
  const fan = new Fan([sink]);
  await fan.take(batch(1, 2), signal);
  fan.clear();
  await fan.take(batch(1, 2), signal);
  assert.deepEqual(sink.taken, [1, 2, 1, 2]);
});
