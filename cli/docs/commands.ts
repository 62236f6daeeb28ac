/** Commands that documentation shows, held against what there is: targets, values of the chart, files, kinds, flags. */
import { parsePolicies } from '#policy/load.ts';
import { columns, flags, labels, resources, targets, valuesOfChart, workloads } from './known.ts';

/** The words of a call, the program first. */
export type Call = readonly string[];

/** Where it is called. */
export interface Place {
  exists(path: string): boolean;
  /** Undefined where nobody knows what is in it. */
  read(path: string): string | undefined;
}

/** A sentence for each thing of a call that there is not. */
export async function wrongWith(call: Call, place: Place): Promise<readonly string[]> {
  const [program = '', ...words] = call;
  const end = words.indexOf('--');
  const check = checks[program];
  const wrong =
    check === undefined
      ? ['nothing is known of it']
      : await check(end === -1 ? words : words.slice(0, end), place);
  return wrong.map((sentence) => `${call.join(' ')}: ${sentence}`);
}

type Check = (words: Call, place: Place) => readonly string[] | Promise<readonly string[]>;

/** Commands of torwacht that have commands. */
const groups = ['policy', 'runner', 'admission', 'get', 'alerts'];

const checks: Readonly<Record<string, Check>> = {
  make: (words) => {
    // What has an equals sign is a variable.
    const named = words.filter((word) => !word.includes('='));
    return missing(named.length === 0 ? ['all'] : named, targets(), 'target');
  },
  torwacht: async (words) => {
    const command = words.slice(0, groups.includes(words[0] ?? '') ? 2 : 1);
    return missing(flagsIn(words), [...(await flags(command)), ...short], 'flag');
  },
  helm: (words, place) => [
    ...missing(words.slice(0, 1), ['install', 'upgrade', 'test', 'uninstall'], 'command'),
    ...missing(flagsIn(words), helmFlags, 'flag'),
    ...missing(
      after(words, '--set').map((set) => set.replace(/=.*/, '')),
      valuesOfChart(),
      'value of the chart',
    ),
    ...absent(after(words, '-f'), place),
    ...absent(
      words.filter((word) => word.startsWith('charts/')),
      place,
    ),
  ],
  kubectl: (words, place) => [
    ...missing(flagsIn(words), kubectlFlags, 'flag'),
    ...absent(
      ['-f', '-k', '--patch-file'].flatMap((flag) => after(words, flag)),
      place,
    ),
    ...absent(words[0] === 'kustomize' ? [`${words[1]}/kustomization.yaml`] : [], place),
    ...after(words, '-f').flatMap((file) => unsound(file, place)),
    ...missing(resourcesIn(words), resources(), 'resource'),
    ...missing(workloadsIn(words), workloads(), 'workload'),
    ...missing(labelsIn(words), labels(), 'label'),
    ...sortedBy(words).flatMap((path) => missing([path], columns(), 'column')),
    ...after(words, '-p').flatMap(patchOfBinding),
  ],
  flux: (words, place) =>
    absent(
      words.flatMap((word) => /^--path=(.*)/.exec(word)?.[1] ?? []),
      place,
    ),
  // Whether a rule of sudo is well formed is for visudo to say, which not every host has.
  visudo: (words) => missing(flagsIn(words), ['-cf'], 'flag'),
};

const short = ['-n', '-A', '-f'];
const helmFlags = [
  ...['--namespace', '-n', '--create-namespace', '--set', '--reuse-values', '-f', '--wait'],
];
const kubectlFlags = [
  ...['-n', '-A', '-c', '-l', '-f', '-k', '-o', '-p', '--type', '--patch-file', '--sort-by'],
  ...['--for', '--timeout', '--since', '--from-literal', '--from-file', '--role', '--group'],
];

function missing(words: readonly string[], known: readonly string[], what: string): string[] {
  return words.filter((word) => !known.includes(word)).map((word) => `there is no ${what} ${word}`);
}

function absent(paths: readonly string[], { exists }: Place): string[] {
  return paths.filter((path) => !exists(path)).map((path) => `${path} is not there`);
}

const flagsIn = (words: Call) =>
  words.filter((word) => /^-./.test(word)).map((word) => word.replace(/=.*/, ''));

/** Words that stand behind this flag. */
const after = (words: Call, flag: string) =>
  words.flatMap((word, index) => (word === flag ? (words[index + 1] ?? '') : []));

const sortedBy = (words: Call) => words.flatMap((word) => /^--sort-by=(.*)/.exec(word)?.[1] ?? []);

/** Of `kubectl get RESOURCE` and its like. */
function resourcesIn(words: Call): readonly string[] {
  const bare = withoutNamespace(words);
  const named = ['get', 'patch', 'label', 'create'].includes(bare[0] ?? '') ? (bare[1] ?? '') : [];
  const waited = bare[0] === 'wait' ? bare.filter((word) => word.includes('/')) : [];
  return [named, ...waited].flat().map((word) => word.replace(/\/.*/, ''));
}

/** `kind/name` of what is ours to install. */
const workloadsIn = (words: Call) => words.filter((word) => /^(daemonset|deployment)\//.test(word));

/** Keys of labels that are ours. */
const labelsIn = (words: Call) =>
  words.flatMap((word) => /^(torwacht\.io\/[\w-]+)=/.exec(word)?.[1] ?? []);

function withoutNamespace(words: Call): Call {
  return words[0] === '-n' ? words.slice(2) : words;
}

/** Problems of documents of ours that would be applied; others are for the API server to judge. */
function unsound(file: string, { read }: Place): readonly string[] {
  const text = read(file);
  if (text === undefined || !/^apiVersion: torwacht\.io\//m.test(text)) return [];
  const { problems } = parsePolicies([{ file, content: Buffer.from(text) }]);
  return problems.map((problem) => JSON.stringify(problem));
}

/** A patch of a binding, put upon the least one. */
function patchOfBinding(patch: string): readonly string[] {
  const document = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'RunnerBinding',
    metadata: { name: 'runners' },
    ...JSON.parse(patch),
  };
  const content = Buffer.from(JSON.stringify(document));
  return parsePolicies([{ file: 'patch', content }]).problems.map((one) => JSON.stringify(one));
}
