import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabelSelector } from '#api/label-selector.ts';
import {
  type Answer,
  type Labels,
  NAME_LABEL,
  selectorOfNames,
  selectsNamespace,
} from './namespace-selector.ts';

const one = (
  key: string,
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist',
  ...values: string[]
): LabelSelector => ({ matchExpressions: [{ key, operator, values }] });

const cases: readonly (readonly [
  what: string,
  selector: LabelSelector | undefined,
  labels: Labels | undefined,
  answer: Answer,
])[] = [
  ['no selector', undefined, undefined, 'yes'],
  ['an empty selector', {}, undefined, 'yes'],
  ['a label', { matchLabels: { team: 'a' } }, { team: 'a' }, 'yes'],
  ['another value', { matchLabels: { team: 'a' } }, { team: 'b' }, 'no'],
  ['no such label', { matchLabels: { team: 'a' } }, {}, 'no'],
  ['a word of every object', { matchLabels: { constructor: 'a' } }, {}, 'no'],
  ['labels that nobody knows', { matchLabels: { team: 'a' } }, undefined, 'unknown'],
  ['its name', { matchLabels: { [NAME_LABEL]: 'ci' } }, undefined, 'yes'],
  ['another name', { matchLabels: { [NAME_LABEL]: 'web', team: 'a' } }, undefined, 'no'],
  ['a name that lies', one(NAME_LABEL, 'In', 'web'), { [NAME_LABEL]: 'web' }, 'no'],
  ['In', one('team', 'In', 'a', 'b'), { team: 'b' }, 'yes'],
  ['NotIn', one('team', 'NotIn', 'a', 'b'), { team: 'b' }, 'no'],
  ['NotIn without the label', one('team', 'NotIn', 'a'), {}, 'yes'],
  ['NotIn of what nobody knows', one('team', 'NotIn', 'a'), undefined, 'unknown'],
  ['Exists', one('team', 'Exists'), { team: '' }, 'yes'],
  ['DoesNotExist', one('team', 'DoesNotExist'), { team: '' }, 'no'],
  ['names, resolved', selectorOfNames(['web', 'ci']), undefined, 'yes'],
  ['names without it', selectorOfNames(['web']), undefined, 'no'],
];
for (const [what, selector, labels, answer] of cases) {
  test(`does a selector name the namespace ci: ${what}: ${answer}`, () => {
    assert.equal(selectsNamespace(selector, 'ci', labels), answer);
  });
}
