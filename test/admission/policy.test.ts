/** Every pod of the table, judged by the ValidatingAdmissionPolicy in a real API server. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { podPolicy, podPolicyBinding } from '#webhook/manifests/pod-policy.ts';
import { waitFor } from '../cluster/wait.ts';
import { useGround } from './ground.ts';
import { accepted } from './table/accepted.ts';
import { refused } from './table/refused.ts';
import type { Row } from './table/row.ts';

const rows = [...accepted, ...refused];
/** What an API server says where a policy's parameters are not there is not ours to word. */
const NO_PARAMETERS = /no params found/;

const ground = await useGround({ after }, rows);

test('control: without the policy all of them come in', async () => {
  for (const row of refused.filter(({ impossible }) => !impossible)) {
    const { refused: no, message } = await ground.ask(row);
    assert.equal(no, false, `${row.what}: ${message}`);
  }
});

test('the policy is taken', async () => {
  await ground.api.apply(podPolicy);
  await ground.api.apply(podPolicyBinding);
  const [first] = refused as [Row];
  await waitFor('it is in force', async () => (await ground.ask(first)).code === first.code);
});

for (const row of rows) {
  test(`${row.code === null ? 'accepted' : 'refused'}: ${row.what}`, async () => {
    const { refused: no, code, message } = await ground.ask(row);
    assert.equal(no, row.code !== null, message);
    if (row.code === 'TW_ADMIT_NO_BINDING') assert.match(message, NO_PARAMETERS);
    else if (!row.impossible) assert.equal(code, row.code, message);
  });
}
