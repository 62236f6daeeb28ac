/** The kind of openreports.io as far as we write it: its group, version and names, and the types of these fields. */

const text = { type: 'string' };
const whole = { type: 'integer' };
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
const list = (items: object) => ({ type: 'array', items });
const oneOf = (...words: readonly string[]) => ({ ...text, enum: words });

const reference = object(
  { apiVersion: text, kind: text, name: text, namespace: text, uid: text },
  { 'x-kubernetes-map-type': 'atomic' },
);

const result = object(
  {
    ...{ source: text, policy: text, rule: text, category: text, message: text },
    severity: oneOf('critical', 'high', 'low', 'medium', 'info'),
    result: oneOf('pass', 'fail', 'warn', 'error', 'skip'),
    scored: { type: 'boolean' },
    timestamp: object(
      { seconds: { ...whole, format: 'int64' }, nanos: { ...whole, format: 'int32' } },
      { required: ['seconds', 'nanos'] },
    ),
    resources: list(reference),
    properties: { type: 'object', additionalProperties: text },
  },
  { required: ['policy'] },
);

const report = object({
  ...{ apiVersion: text, kind: text, metadata: { type: 'object' }, source: text },
  scope: reference,
  configuration: object({ limits: object({ maxResults: whole }) }, { required: ['limits'] }),
  summary: object({ pass: whole, fail: whole, warn: whole, error: whole, skip: whole }),
  results: list(result),
});

export const reportDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'reports.openreports.io' },
  spec: {
    group: 'openreports.io',
    scope: 'Namespaced',
    names: { kind: 'Report', listKind: 'ReportList', plural: 'reports', singular: 'report' },
    versions: [
      { name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema: report } },
    ],
  },
};
