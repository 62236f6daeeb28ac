/** What a run does to a cluster, decided by what is there; pure. */
import { failure } from '#api/error.ts';
import { errors } from './errors.ts';
import type { JsonObject } from './runner/schema.ts';
import { isObject } from './runner/tree.ts';
import type { Survey } from './survey.ts';

/** These install, change and end the Torwacht of the cluster; the others use whatever is there. */
const owners = ['install', 'upgrade', 'new-nodes', 'uninstall'];
const word = (name: string): string => name.replace(/^\d+-/, '');

export interface Wanted {
  /** All of them where none is named; a name may leave its number out. */
  readonly cases: readonly string[];
  readonly kubeconfig: string;
  /** What `helm install` is to be given; undefined where nobody said where images come from. */
  readonly chart: JsonObject | undefined;
  /** Of the chart: the tag of images whose values name none. */
  readonly appVersion: string;
}

export interface Plan {
  readonly cases: readonly string[];
  /** `$values` of every case. */
  readonly values: JsonObject;
  /** An earlier run left its Torwacht there. */
  readonly takeAwayFirst: boolean;
  /** What will be done, for a person to read before it is. */
  readonly sentences: readonly string[];
}

/** @throws TW_E2E_NO_CASE, TW_E2E_INSTALLED, TW_E2E_IMAGES, TW_E2E_REMAINS */
export function planFor(known: readonly string[], wanted: Wanted, seen: Survey): Plan {
  const chosen = choose(known, wanted.cases);
  const theirs = seen.installed?.ours === false ? seen.installed : undefined;
  if (theirs !== undefined) {
    const images = seenImages(theirs, wanted.kubeconfig);
    return useTheirs({ known, chosen, named: wanted.cases.length > 0, images }, theirs.namespace);
  }
  const takeAwayFirst = seen.installed !== undefined;
  if (!takeAwayFirst && seen.kinds.length > 0) {
    throw failure(errors.remains, { what: `its kinds are there (${seen.kinds.join(', ')})` });
  }
  const { chart, appVersion, kubeconfig } = wanted;
  if (chart === undefined) throw failure(errors.images, { kubeconfig });
  // Without it there is nothing to test.
  const cases = chosen.some((name) => word(name) === 'install')
    ? chosen
    : [...known.filter((name) => word(name) === 'install'), ...chosen];
  const images = {
    program: imageOf(chart, 'operator', appVersion),
    barrier: imageOf(chart, 'barrier', appVersion),
  };
  return {
    cases,
    values: { chart, images },
    takeAwayFirst,
    sentences: [
      ...(takeAwayFirst
        ? ['Removes the Torwacht that an earlier run left (namespace torwacht).']
        : []),
      `Installs the chart of this checkout as release torwacht in namespace torwacht, with images such as ${images.program}.`,
      ...created,
      'Removes all of it at the end, also when a case fails: release, namespaces, and the kinds of torwacht.io with every object of them.',
    ],
  };
}

const created = [
  'Makes namespaces chainsaw-* and chainsaw-*-jobs for each case, with a few pods in them. The latter are enforced (label torwacht.io/enforce).',
];

interface Chosen {
  readonly known: readonly string[];
  readonly chosen: readonly string[];
  readonly named: boolean;
  readonly images: { readonly program: string; readonly barrier: string };
}

function useTheirs({ known, chosen, named, images }: Chosen, namespace: string): Plan {
  const harmless = known.filter((name) => !owners.includes(word(name)));
  const other = chosen.find((name) => !harmless.includes(name));
  if (named && other !== undefined) {
    throw failure(errors.notForInstalled, { name: other, known: harmless.join(', ') });
  }
  return {
    cases: chosen.filter((name) => harmless.includes(name)),
    values: { chart: {}, images },
    takeAwayFirst: false,
    sentences: [
      `Torwacht is installed already (namespace ${namespace}). It is used as it is, and neither changed nor removed; ${owners.join(', ')} are left out.`,
      ...created,
      `Their pods use ${images.program} and ${images.barrier}.`,
      'Removes those namespaces at the end, and nothing else.',
    ],
  };
}

function choose(known: readonly string[], asked: readonly string[]): readonly string[] {
  const unknown = asked.find((name) => !known.some((one) => one === name || word(one) === name));
  if (unknown !== undefined) {
    throw failure(errors.noCase, { name: unknown, known: known.join(', ') });
  }
  if (asked.length === 0) return known;
  return known.filter((one) => asked.includes(one) || asked.includes(word(one)));
}

/** The barrier's, if no binding names one, is called as the operator's with another word. */
function seenImages(
  { operator, barrier }: NonNullable<Survey['installed']>,
  kubeconfig: string,
): Chosen['images'] {
  const guessed =
    operator === undefined || operator.includes('@')
      ? undefined
      : operator.replace(/operator(:[^/]*)?$/, 'barrier$1');
  const found = barrier ?? guessed;
  if (operator === undefined || found === undefined) throw failure(errors.images, { kubeconfig });
  return { program: operator, barrier: found };
}

/** As the chart makes it of its values. */
function imageOf(chart: JsonObject, part: string, appVersion: string): string {
  const at = (object: JsonObject, key: string): JsonObject => {
    const value = object[key];
    return isObject(value) ? value : {};
  };
  const image = at(at(chart, part), 'image');
  const registry = at(chart, 'image').registry;
  const before = typeof registry === 'string' && registry !== '' ? `${registry}/` : '';
  const name = `${before}${image.repository || `torwacht-${part}`}`;
  return image.digest ? `${name}@${image.digest}` : `${name}:${image.tag || appVersion}`;
}
