/**
 * Which pods may never come in under the binding `plain`, said a second time and in another way: on the raw
 * document, by what stands anywhere in it, without the check's types. It refuses no more than it must.
 */
import { baselineCapabilities } from '#api/admission.ts';
import { barrierSecurity } from './table/pods.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Visit = (key: string, value: Json, path: readonly string[]) => string | null;

function search(value: Json, visit: Visit, path: readonly string[] = []): string | null {
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, child] of Object.entries(value)) {
    const found = visit(key, child, path) ?? search(child, visit, [...path, key]);
    if (found !== null) return found;
  }
  return null;
}

const baseline: readonly Json[] = baselineCapabilities;

/** By the place of the field: what stands elsewhere, Kubernetes does not know and drops before admission. */
const checks: readonly (readonly [place: RegExp, bad: (value: Json) => boolean])[] = [
  [/^(hostNetwork|hostPID|hostIPC|shareProcessNamespace)$/, (value) => value === true],
  [/^runtimeClassName$/, () => true],
  [/^volumes\.\d+\.(hostPath|nfs|iscsi|csi)$/, () => true],
  [/^(initC|c)ontainers\.\d+\.securityContext\.privileged$/, (value) => value === true],
  [/^(initC|c)ontainers\.\d+\.securityContext\.procMount$/, (value) => value !== 'Default'],
  [
    /^(initC|c)ontainers\.\d+\.securityContext\.capabilities\.add\.\d+$/,
    (value) => !baseline.includes(value),
  ],
  [
    /^(initC|c)ontainers\.\d+\.securityContext\.seccompProfile\.type$/,
    (value) => value !== 'RuntimeDefault',
  ],
  [
    /^(initC|c)ontainers\.\d+\.((liveness|readiness|startup)Probe|lifecycle\.(postStart|preStop))\.(httpGet|tcpSocket)\.host$/,
    (value) => value !== '',
  ],
];

const never: Visit = (key, value, path) => {
  const place = [...path, key].join('.');
  return checks.some(([pattern, bad]) => pattern.test(place) && bad(value)) ? place : null;
};

const images =
  /^(registry\.example\.com\/torwacht-barrier(:|@sha256:(a1){32}$)|mirror\.example\.com\/torwacht\/)/;
const barrierFields = new Set(
  'name image imagePullPolicy resources resizePolicy volumeMounts securityContext terminationMessagePath terminationMessagePolicy command args env'.split(
    ' ',
  ),
);

function badBarrier(first: Json | undefined): string | null {
  if (typeof first !== 'object' || first === null || Array.isArray(first)) return 'no barrier';
  if (first.name !== 'torwacht-barrier') return 'another name';
  if (!images.test(String(first.image))) return 'another image';
  const other = Object.keys(first).find((key) => !barrierFields.has(key));
  if (other !== undefined) return other;
  for (const key of ['command', 'args', 'env']) {
    if (Array.isArray(first[key]) && first[key].length > 0) return key;
  }
  const sorted = (value: object) => JSON.stringify(Object.entries(value).sort());
  return sorted((first.securityContext ?? {}) as object) === sorted(barrierSecurity)
    ? null
    : 'security';
}

/** Why it must not come in; null where this says nothing. */
export function mustNot(pod: unknown): string | null {
  const { spec } = (pod ?? {}) as { spec?: { [key: string]: Json } };
  if (typeof spec !== 'object' || spec === null) return 'no spec';
  const { initContainers } = spec;
  return (
    badBarrier(Array.isArray(initContainers) ? initContainers[0] : undefined) ?? search(spec, never)
  );
}
