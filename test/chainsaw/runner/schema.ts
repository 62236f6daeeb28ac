/**
 * The part of chainsaw.kyverno.io/v1alpha1 that our cases use. What the real Chainsaw knows besides is
 * refused by name, so that a case never means less here than there.
 */
import * as z from 'zod';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

const json = z.json() as unknown as z.ZodType<Json>;
const object = z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>;

const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

/** As Go writes them: `1m30s`. In ms. */
const duration = z
  .string()
  .regex(/^(\d+(\.\d+)?(ms|h|m|s))+$/, 'must be a duration, such as 90s')
  .transform((text) =>
    [...text.matchAll(/([\d.]+)(ms|h|m|s)/g)].reduce(
      (sum, [, number, unit]) => sum + Number(number) * units[unit as keyof typeof units],
      0,
    ),
  );

const binding = z.strictObject({ name: z.string().regex(/^\w+$/), value: json });
const bindings = z.array(binding).default([]);
const timeout = duration.optional();
const expectations = z.array(z.strictObject({ match: json.optional(), check: json })).default([]);
const outputs = z.array(binding).default([]);

/** Chainsaw holds these to the shape of an object; expressions in its name are for files. */
const embedded = object.refine(({ metadata }) => {
  const { name = '', namespace = '' } = (metadata ?? {}) as JsonObject;
  return !/^\(/.test(`${name}`) && !/^\(/.test(`${namespace}`);
}, 'may have no expression as name or namespace: write it into a file');

const written = z.strictObject({
  file: z.string().optional(),
  resource: embedded.optional(),
  bindings,
  timeout,
  expect: expectations,
  outputs,
  dryRun: z.boolean().default(false),
});
const expected = z.strictObject({
  file: z.string().optional(),
  resource: object.optional(),
  bindings,
  timeout,
});
const deletion = z.strictObject({
  file: z.string().optional(),
  ref: z
    .strictObject({
      apiVersion: z.string(),
      kind: z.string(),
      name: z.string().optional(),
      namespace: z.string().optional(),
      labels: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  timeout,
  expect: expectations,
});
const run = {
  env: bindings,
  bindings,
  timeout,
  check: json.optional(),
  outputs,
  skipLogOutput: z.boolean().default(false),
};
const script = z.strictObject({ content: z.string(), ...run });
const command = z.strictObject({
  entrypoint: z.string(),
  args: z.array(z.string()).default([]),
  ...run,
});
const sleep = z.strictObject({ duration });
const selected = {
  name: z.string().optional(),
  namespace: z.string().optional(),
  selector: z.string().optional(),
  timeout,
};
const objects = { apiVersion: z.string(), kind: z.string(), ...selected };
const wait = z.strictObject({
  ...objects,
  for: z.union([
    z.strictObject({ deletion: z.strictObject({}) }),
    z.strictObject({
      condition: z.strictObject({ name: z.string(), value: z.string().optional() }),
    }),
    z.strictObject({
      jsonPath: z.strictObject({ path: z.string(), value: z.string().optional() }),
    }),
  ]),
});
const get = z.strictObject({ ...objects, format: z.enum(['json', 'yaml']).optional() });
const describe = z.strictObject(objects);
const events = z.strictObject(selected);
const podLogs = z.strictObject({
  ...selected,
  container: z.string().optional(),
  tail: z.number().int().optional(),
});

const collected = {
  description: z.string().optional(),
  script: script.optional(),
  command: command.optional(),
  delete: deletion.optional(),
  sleep: sleep.optional(),
  wait: wait.optional(),
  get: get.optional(),
  describe: describe.optional(),
  events: events.optional(),
  podLogs: podLogs.optional(),
};
const operation = z.strictObject({
  ...collected,
  apply: written.optional(),
  create: written.optional(),
  patch: written.optional(),
  assert: expected.optional(),
  error: expected.optional(),
});

const one = (operations: object): boolean =>
  Object.keys(operations).filter((name) => name !== 'description').length === 1;
const exactly = 'must say exactly one operation';
const operations = z.array(operation.refine(one, exactly));
const others = z.array(z.strictObject(collected).refine(one, exactly)).default([]);

const timeouts = z.strictObject({
  apply: timeout,
  assert: timeout,
  cleanup: timeout,
  delete: timeout,
  error: timeout,
  exec: timeout,
});

const step = z.strictObject({
  name: z.string(),
  description: z.string().optional(),
  bindings,
  timeouts: timeouts.optional(),
  skipDelete: z.boolean().default(false),
  try: operations,
  catch: others,
  finally: others,
  cleanup: others,
});

export const testSchema = z.strictObject({
  apiVersion: z.literal('chainsaw.kyverno.io/v1alpha1'),
  kind: z.literal('Test'),
  metadata: z.strictObject({ name: z.string().regex(/^[a-z0-9-]+$/) }),
  spec: z.strictObject({
    description: z.string().optional(),
    // Whoever leaves it out asks for a run beside others, which ours does not do.
    concurrent: z.literal(false),
    timeouts: timeouts.optional(),
    bindings,
    steps: z.array(step).min(1),
    catch: others,
  }),
});

export type ChainsawTest = z.output<typeof testSchema>;
export type Step = z.output<typeof step>;
export type Operation = z.output<typeof operation>;
export type Written = z.output<typeof written>;
export type Expected = z.output<typeof expected>;
export type Deletion = z.output<typeof deletion>;
export type Run = Omit<z.output<typeof script>, 'content'>;
export type Script = z.output<typeof script>;
export type Command = z.output<typeof command>;
export type Wait = z.output<typeof wait>;
export type Get = z.output<typeof get>;
export type PodLogs = z.output<typeof podLogs>;
export type Timeouts = z.output<typeof timeouts>;
export type Binding = z.output<typeof binding>;
export type Expectation = z.output<typeof expectations>[number];
