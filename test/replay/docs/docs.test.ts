/** The page and the README's block say what the replays prove, and nothing else. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { incidents } from '../incidents.ts';
import { shapes } from '../shapes.ts';
import { PAGE, README_BEGIN, README_END, renderPage, renderReadmeBlock } from './render.ts';

const root = join(import.meta.dirname, '../../..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const again = 'run node test/replay/docs/write.ts';

test('docs/incidents.md is what the data says', () => {
  assert.equal(readFileSync(join(root, PAGE), 'utf8'), renderPage(), again);
});

const absent = !readme.includes(README_BEGIN) && 'README.md has no block of incidents';
test('the README’s block is what the data says', { skip: absent }, () => {
  const [begin, end] = [readme.indexOf(README_BEGIN), readme.indexOf(README_END)];
  assert.equal(readme.slice(begin, end + README_END.length), renderReadmeBlock(), again);
});

test('every incident has a folder, every folder an incident, each with its runs', () => {
  const folders = globSync('*/incident.ts', { cwd: join(root, 'test/replay/incidents') });
  assert.deepEqual(
    folders.map((path) => path.split('/')[0]).sort(),
    incidents.map(({ id }) => id).sort(),
  );
  for (const { id, runs, packages = [], control } of incidents) {
    assert.equal(runs[0]?.policy, 'gitlab', `${id} begins with the everyday policy`);
    assert.ok(control.arrives.length > 0, `${id} has a control`);
    for (const file of packages.flatMap(({ files }) => files)) {
      assert.ok(existsSync(join(root, 'test/replay/incidents', id, file)), `${id} lacks ${file}`);
    }
  }
});

test('incidents are in the order of their dates, shapes in that of their numbers', () => {
  const dates = incidents.map(({ date }) => date);
  assert.deepEqual(dates, dates.toSorted());
  assert.deepEqual(
    shapes.map(({ number }) => number),
    Array.from({ length: 16 }, (_, index) => index + 1),
  );
});
