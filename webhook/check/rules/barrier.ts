/** The barrier: there, first, and equal to the binding's template field by field. */
import { isDeepStrictEqual } from 'node:util';
import type { Barrier } from '#api/admission.ts';
import { quoted } from '#policy/problem.ts';
import { type Asked, barrierOf } from '../asked.ts';
import type { Container } from '../pod.ts';
import { PLATFORM, type Rule } from './rule.ts';

const PATCH = `Nothing in .gitlab-ci.yml mends this: ${PLATFORM} puts the barrier into the runner's pod_spec patch (docs/barrier.md), with FF_USE_ADVANCED_POD_SPEC_CONFIGURATION under [runners.feature_flags], where no job can switch it off.`;
const EQUAL = `Nothing in .gitlab-ci.yml mends this: ${PLATFORM} makes the runner's pod_spec patch and spec.barrier of the RunnerBinding say the same.`;

const missing: Rule = {
  code: 'TW_ADMIT_BARRIER_MISSING',
  phases: ['create'],
  refuses({ request, binding }) {
    const wanted = binding.spec.barrier?.name;
    if (request.phase !== 'create' || wanted === undefined) return null;
    const inits = request.pod.spec.initContainers ?? [];
    if (inits.some(({ name }) => name === wanted)) return null;
    return `it has no init container ${quoted(wanted)}, which lets a job start only once its network is held`;
  },
  sentence:
    'it has no barrier, the init container which lets a job start only once its network is held',
  hint: PATCH,
  cel: '!has(params.spec.barrier) || variables.inits.exists(c, c.name == params.spec.barrier.name)',
};

const notFirst: Rule = {
  code: 'TW_ADMIT_BARRIER_NOT_FIRST',
  phases: ['create'],
  refuses({ request, binding }) {
    const wanted = binding.spec.barrier?.name;
    if (request.phase !== 'create' || wanted === undefined) return null;
    const inits = request.pod.spec.initContainers ?? [];
    const [first] = inits;
    if (
      first === undefined ||
      first.name === wanted ||
      !inits.some(({ name }) => name === wanted)
    ) {
      return null;
    }
    return `its init container ${quoted(first.name)} stands before the barrier and would run while nothing holds it`;
  },
  sentence: 'an init container stands before the barrier and would run while nothing holds it',
  hint: `Nothing in .gitlab-ci.yml mends this: ${PLATFORM} makes the barrier's patch the last of pod_spec, which puts it first, or lets Torwacht inject it (spec.inject).`,
  cel: '!has(params.spec.barrier) || !variables.inits.exists(c, c.name == params.spec.barrier.name) || variables.inits[0].name == params.spec.barrier.name',
};

/** A prefix ends with `*`, behind one of `:`, `@`, `/`. */
export function imageAllowed(image: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) =>
    entry.endsWith('*') ? image.startsWith(entry.slice(0, -1)) : image === entry,
  );
}

/** A pod's images can be changed later; of the barrier's fields, this one alone. */
const image: Rule = {
  code: 'TW_ADMIT_BARRIER_IMAGE',
  phases: ['create', 'update'],
  ofBarrier: true,
  refuses: ofBarrier(({ image: own = '' }, wanted, { request }) => {
    // A later template does not stop what happens to older pods.
    const before =
      request.phase === 'update' ? request.before.spec.initContainers?.[0]?.image : null;
    return own === before || imageAllowed(own, wanted.images)
      ? null
      : `its barrier has the image ${quoted(own)}, which the RunnerBinding does not name`;
  }),
  sentence: 'its barrier has an image that the RunnerBinding does not name',
  hint: EQUAL,
  cel: "(variables.phase == 'update' && variables.initsBefore[0].image == variables.inits[0].image) || params.spec.barrier.images.exists(i, i.endsWith('*') ? variables.inits[0].image.startsWith(i.substring(0, size(i) - 1)) : variables.inits[0].image == i)",
};

const command: Rule = {
  code: 'TW_ADMIT_BARRIER_COMMAND',
  phases: ['create'],
  ofBarrier: true,
  refuses: ofBarrier((barrier, wanted) =>
    isDeepStrictEqual(barrier.command ?? [], wanted.command ?? []) &&
    isDeepStrictEqual(barrier.args ?? [], wanted.args ?? [])
      ? null
      : 'its barrier has another command or other arguments than the RunnerBinding says',
  ),
  sentence: 'its barrier has another command or other arguments than the RunnerBinding says',
  hint: EQUAL,
  cel: ['command', 'args']
    .map(
      (field) =>
        `variables.inits[0].?${field}.orValue([]) == params.spec.barrier.?${field}.orValue([])`,
    )
    .join(' && '),
};

const env: Rule = {
  code: 'TW_ADMIT_BARRIER_ENV',
  phases: ['create'],
  ofBarrier: true,
  refuses: ofBarrier((barrier, { env: wanted = [] }) => {
    const own = barrier.env ?? [];
    const equal =
      own.length === wanted.length &&
      own.every(
        (entry, index) =>
          entry.name === wanted[index]?.name &&
          (entry.value ?? '') === wanted[index]?.value &&
          !Object.hasOwn(entry, 'valueFrom'),
      );
    return equal ? null : 'its barrier has other variables than the RunnerBinding says';
  }),
  sentence: 'its barrier has other variables than the RunnerBinding says',
  hint: EQUAL,
  cel:
    "variables.inits[0].?env.orValue([]).map(e, has(e.valueFrom) ? [e.name] : [e.name, e.?value.orValue('')]) == " +
    "params.spec.barrier.?env.orValue([]).map(e, [e.name, e.?value.orValue('')])",
};

const security: Rule = {
  code: 'TW_ADMIT_BARRIER_SECURITY',
  phases: ['create'],
  ofBarrier: true,
  refuses: ofBarrier((barrier, wanted) =>
    isDeepStrictEqual(plain(barrier.securityContext ?? {}), plain(wanted.securityContext))
      ? null
      : 'its barrier has another securityContext than the RunnerBinding says',
  ),
  sentence: 'its barrier has another securityContext than the RunnerBinding says',
  hint: EQUAL,
  cel: 'dyn(variables.inits[0].?securityContext.orValue({})) == dyn(params.spec.barrier.securityContext)',
};

const TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The API server mounts the service account's token everywhere; another mount could cover the binary. */
const mounts: Rule = {
  code: 'TW_ADMIT_BARRIER_MOUNTS',
  phases: ['create'],
  ofBarrier: true,
  refuses: ofBarrier((barrier) => {
    const others = (barrier.volumeMounts ?? []).some(
      (mount) =>
        mount.mountPath !== TOKEN ||
        Object.keys(mount).some((key) => !['name', 'mountPath', 'readOnly'].includes(key)),
    );
    return others || (barrier.resources?.claims ?? []).length > 0
      ? 'its barrier has volumes or devices, and needs none'
      : null;
  }),
  sentence: 'its barrier has volumes or devices, and needs none',
  hint: EQUAL,
  cel:
    `variables.inits[0].?volumeMounts.orValue([]).all(m, m.mountPath == '${TOKEN}' && dyn(m).all(k, k in ['name', 'mountPath', 'readOnly'])) && ` +
    'size(variables.inits[0].?resources.?claims.orValue([])) == 0',
};

/** Fields that another rule judges or that change nothing; whatever Kubernetes invents next is not here. */
const knownFields = [
  'name',
  'image',
  'imagePullPolicy',
  'command',
  'args',
  'env',
  'resources',
  'resizePolicy',
  'volumeMounts',
  'securityContext',
  'terminationMessagePath',
  'terminationMessagePolicy',
];
const MESSAGE_PATH = '/dev/termination-log';

const fields: Rule = {
  code: 'TW_ADMIT_BARRIER_FIELDS',
  phases: ['create'],
  ofBarrier: true,
  refuses: ofBarrier((barrier) => {
    const other = Object.keys(barrier).find((key) => !knownFields.includes(key));
    if (other !== undefined) return `its barrier has ${quoted(other)}, which a barrier cannot have`;
    // A file of the node's is mounted there, so it must not be the binary.
    return (barrier.terminationMessagePath ?? MESSAGE_PATH) === MESSAGE_PATH
      ? null
      : 'its barrier has "terminationMessagePath", which a barrier cannot have';
  }),
  sentence:
    'its barrier has a field that a barrier cannot have, like restartPolicy, lifecycle or a probe',
  hint: EQUAL,
  cel:
    `dyn(variables.inits[0]).all(k, k in ${JSON.stringify(knownFields).replaceAll('"', "'")}) && ` +
    `variables.inits[0].?terminationMessagePath.orValue('${MESSAGE_PATH}') == '${MESSAGE_PATH}'`,
};

function ofBarrier(
  refuses: (barrier: Container, wanted: Barrier, asked: Asked) => string | null,
): (asked: Asked) => string | null {
  return (asked) => {
    const barrier = barrierOf(asked);
    const wanted = asked.binding.spec.barrier;
    return barrier === null || wanted === undefined ? null : refuses(barrier, wanted, asked);
  };
}

/** Without the fields that are there and undefined, and without prototypes. */
function plain(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

export const barrierRules: readonly Rule[] = [
  missing,
  notFirst,
  image,
  command,
  env,
  security,
  mounts,
  fields,
];
