/**
 * A suggestion as YAML with comments. Values are written by the library, which quotes what needs quotes;
 * comments hold only what `who.ts` and `needs.ts` made printable and put on one line.
 */
import { Document, type Node, type Scalar } from 'yaml';
import { jobPattern, projectId, type Selector } from '#api/egress-policy.ts';
import type { Port } from '#api/rule.ts';
import { apiVersion } from '#api/version.ts';
import { hostText } from '../destination.ts';
import { loadLimits } from '../load.ts';
import type { PresetChoice } from './fitting-presets.ts';
import type { Rules, SuggestedRule } from './model.ts';
import type { LeftOut, Needs } from './needs.ts';
import type { Users } from './who.ts';

export interface TextParts extends Pick<Needs, 'impossible' | 'denied' | 'refused'> {
  readonly presets: Pick<PresetChoice, 'fitting' | 'nearly'>;
  readonly rules: Rules;
  readonly project: string | null;
  readonly job: string | null;
  /** Attempts that no row stands for. */
  readonly unrecorded: number;
}

/** How many lines about processes one destination has. */
const MAX_USERS = 4;
/** Lines of what is not suggested, and of presets that nearly fit. */
const MAX_LISTED = 50;
const MAX_NEARLY = 5;

/** Equal parts give equal bytes. The text is within what `policy check` reads. */
export function suggestionText(parts: TextParts): string {
  const text = written(parts, MAX_USERS);
  return Buffer.byteLength(text) <= loadLimits.file ? text : written(parts, 0);
}

function written(parts: TextParts, users: number): string {
  const { presets, rules } = parts;
  const selector = selectorOf(parts);
  const allow = rules.rules.map(ruleValue);
  const document = new Document({
    apiVersion,
    kind: 'EgressPolicy',
    metadata: { name: nameOf(parts) },
    spec: {
      ...(selector === undefined ? {} : { selector }),
      ...(presets.fitting.length === 0
        ? {}
        : { presets: presets.fitting.map(({ preset }) => preset.name) }),
      ...(allow.length === 0 ? {} : { allow }),
    },
  });
  document.commentBefore = comment(header(parts));
  const at = (...path: (string | number)[]) => document.getIn(path, true) as Node;
  for (const [index, { covers }] of presets.fitting.entries()) {
    const lines = covers.flatMap((need) => {
      const name = hostText(need.host);
      return need.users.lines(users).map((line) => `${name}: ${line}`);
    });
    annotate(at('spec', 'presets', index), lines);
  }
  for (const [index, { field, destinations }] of rules.rules.entries()) {
    for (const [place, one] of destinations.entries()) {
      annotate(at('spec', 'allow', index, field, place), [
        ...one.users.lines(users),
        ...one.remarks,
      ]);
    }
  }
  document.comment = comment(footer(parts, users));
  if (selector?.jobs !== undefined) {
    (at('spec', 'selector', 'jobs', 0) as Scalar).type = 'QUOTE_DOUBLE';
  }
  return ascii(document.toString({ lineWidth: 0, doubleQuotedAsJSON: true }));
}

/** The name of a job is the one value that is not ASCII by itself, and it stands in double quotes. */
function ascii(text: string): string {
  return text.replaceAll(/[^\n\x20-\x7e]/gu, (character) => {
    const number = (character.codePointAt(0) ?? 0).toString(16);
    return number.length > 4 ? `\\U${number.padStart(8, '0')}` : `\\u${number.padStart(4, '0')}`;
  });
}

function annotate(node: Node, lines: readonly string[]): void {
  if (lines.length > 0) node.commentBefore = comment(lines);
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => (line === '' ? '' : ` ${line}`)).join('\n');
}

function ruleValue({ field, destinations, ports, private: isPrivate }: SuggestedRule) {
  const isDefault = JSON.stringify(ports.map(portValue)) === JSON.stringify([{ port: 443 }]);
  return {
    [field]: destinations.map(({ text }) => text),
    ...(isDefault ? {} : { ports: ports.map(portValue) }),
    ...(isPrivate ? { private: true } : {}),
  };
}

function portValue({ port, endPort, protocol }: Port) {
  return {
    port,
    ...(endPort === undefined ? {} : { endPort }),
    ...(protocol === 'TCP' ? {} : { protocol }),
  };
}

function header({ rules, presets, refused, unrecorded, ...parts }: TextParts): readonly string[] {
  const count =
    rules.rules.reduce((sum, { destinations }) => sum + destinations.length, 0) +
    presets.fitting.reduce((sum, { covers }) => sum + covers.length, 0);
  const nearly = presets.nearly.slice(0, MAX_NEARLY);
  return [
    `Suggested by torwacht: ${countText(count)}`,
    ...(count === 0 ? [] : [WARNING]),
    ...(refused
      ? ['Some of it was refused, so the job may need more: run it with --observe to see all.']
      : []),
    ...(unrecorded > 0
      ? [`${unrecorded} attempts have no row, and what they were for is not in here.`]
      : []),
    ...(rules.tooMany > 0
      ? [`${rules.tooMany} more destinations were seen: too many for one policy.`]
      : []),
    ...(parts.project !== null && projectOf(parts.project) === undefined
      ? ['The project is no numeric id, so no selector can name it.']
      : []),
    ...nearly.map(({ preset, used, unused }) => {
      const others = unused.length === 0 ? 'other ports' : unused.slice(0, 3).join(', ');
      const more = unused.length > 3 ? ` and ${unused.length - 3} more` : '';
      return `The preset ${preset.name} has ${used.join(', ')}, and would also open ${others}${more}.`;
    }),
  ];
}

const WARNING =
  'Read it before you use it: what a poisoned package reached for is in here as well.';

function countText(count: number): string {
  if (count === 0) return 'nothing was seen that a policy could allow.';
  const what = count === 1 ? 'the destination' : `the ${count} destinations`;
  return `${what} that the job reached for, and nothing else.`;
}

function footer({ impossible, denied }: TextParts, users: number): readonly string[] {
  const never = section('No policy can allow these, so they are not in here:', impossible, users);
  const closed = section('A rule denies these, so they are not in here:', denied, users);
  return never.length > 0 && closed.length > 0 ? [...never, '', ...closed] : [...never, ...closed];
}

function section(title: string, list: readonly LeftOut[], users: number): readonly string[] {
  if (list.length === 0) return [];
  const lines = list
    .slice(0, MAX_LISTED)
    .map(({ text, users: of }) => `  ${text}${usersText(of, users)}`);
  const more = list.length - lines.length;
  return [title, ...lines, ...(more > 0 ? [`  and ${more} more`] : [])];
}

function usersText(of: Users, users: number): string {
  return users === 0 ? '' : `; ${of.lines(1).join(', ')}`;
}

function selectorOf({ project, job }: Pick<TextParts, 'project' | 'job'>): Selector | undefined {
  const id = project === null ? undefined : projectOf(project);
  const name = job === null ? undefined : jobPattern.safeParse(job).data;
  if (id === undefined && name === undefined) return undefined;
  return {
    ...(id === undefined ? {} : { projects: [id] }),
    ...(name === undefined ? {} : { jobs: [name] }),
  };
}

function projectOf(project: string): string | undefined {
  return projectId.safeParse(project).data;
}

/** A name of its own for each job, so that several suggestions can lie in one folder. */
function nameOf({ project, job }: Pick<TextParts, 'project' | 'job'>): string {
  const words = [project, job].map((word) =>
    (word ?? '')
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 60)
      .replaceAll(/^-+|-+$/g, ''),
  );
  return ['suggested', ...words].filter((word) => word !== '').join('-');
}
