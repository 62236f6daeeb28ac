/**
 * Strategic merge of a PodSpec, as k8s.io/apimachinery does it (pkg/util/strategicpatch): lists of named
 * things merge by a key, others are replaced. Where a new element of a list comes to stand is what a barrier
 * depends on.
 */

type Value = unknown;
type Fields = Readonly<Record<string, Value>>;

/** Merge keys of core/v1 (`patchMergeKey` in its types); lists that are not here are replaced. */
const mergeKeys: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  imagePullSecrets: 'name',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
};
const DIRECTIVE = '$patch';

function isFields(value: Value): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A new value; neither argument is changed. `null` removes a field. */
export function strategicMerge(original: Fields, patch: Fields): Fields {
  if (patch[DIRECTIVE] === 'replace') return withoutDirective(patch);
  const merged: Record<string, Value> = { ...original };
  for (const [name, value] of Object.entries(patch)) {
    if (name === DIRECTIVE) continue;
    if (value === null) delete merged[name];
    else merged[name] = mergeValue(name, merged[name], value);
  }
  return merged;
}

function mergeValue(name: string, original: Value, patch: Value): Value {
  if (isFields(patch)) return strategicMerge(isFields(original) ? original : {}, patch);
  const key = mergeKeys[name];
  if (!Array.isArray(patch) || key === undefined) return patch;
  return mergeList(Array.isArray(original) ? original : [], patch, key);
}

function withoutDirective(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== DIRECTIVE));
}

function mergeList(original: readonly Fields[], patch: readonly Fields[], key: string): Fields[] {
  if (patch.some((one) => one[DIRECTIVE] === 'replace' && !(key in one))) {
    return patch.filter((one) => key in one);
  }
  const find = (list: readonly Fields[], wanted: Value) => list.find((one) => one[key] === wanted);
  const deleted = patch.filter((one) => one[DIRECTIVE] === 'delete').map((one) => one[key]);
  const patched = patch
    .filter((one) => one[DIRECTIVE] !== 'delete')
    .map((one) => strategicMerge(find(original, one[key]) ?? {}, one));
  const untouched = original.filter(
    (one) => find(patched, one[key]) === undefined && !deleted.includes(one[key]),
  );
  const order = original.map((one) => one[key]);
  return interleave(untouched, patched, (one) => order.indexOf(one[key]));
}

/**
 * Both lists keep their order. An element of the original goes before one of the patch only when both were
 * in the original, in that order; so what is new in the patch goes before all that is left of the original.
 */
function interleave(
  untouched: readonly Fields[],
  patched: readonly Fields[],
  place: (one: Fields) => number,
): Fields[] {
  const merged: Fields[] = [];
  const left = [...untouched];
  for (const one of patched) {
    while (left[0] !== undefined && place(one) >= 0 && place(left[0]) < place(one)) {
      merged.push(left.shift() as Fields);
    }
    merged.push(one);
  }
  return [...merged, ...left];
}

/** JSON merge patch (RFC 7396): lists are replaced. */
export function mergePatch(original: Value, patch: Value): Value {
  if (!isFields(patch)) return patch;
  const merged: Record<string, Value> = isFields(original) ? { ...original } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}
