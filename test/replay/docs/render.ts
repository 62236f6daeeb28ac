/** docs/incidents.md and the block of the README, made from the data that the tests replay. */
import type { Incident, Row, Run, Verdict } from '../incident.ts';
import { incidents } from '../incidents.ts';
import { policies } from '../policies.ts';
import type { Shape } from '../shape.ts';
import { shapes } from '../shapes.ts';

export const PAGE = 'docs/incidents.md';

/** The README's block stands between these lines. */
export const README_BEGIN = '<!-- incidents: written by test/replay/docs/write.ts -->';
export const README_END = '<!-- incidents: end -->';

const more = ['github', 'githubApi', 'ai'] as const;

const meaning: Readonly<Record<Verdict, string>> = {
  stopped: 'nothing of the secrets left the job',
  partly: 'the secrets did not get to the thief’s places, but something harmful passed',
  limit: 'the secrets got out by a way that the policy allows by nature',
};

const numbers: Readonly<Record<Shape['verdict'], string>> = {
  refused: 'refused',
  limit: '**limit**',
};

/** The whole page. */
export function renderPage(): string {
  return `${[
    '# Incidents, replayed',
    'Written by `node test/replay/docs/write.ts` from the data in `test/replay`; do not edit it by hand.',
    intro(),
    '## Verdicts',
    summary(incidents),
    Object.entries(meaning)
      .map(([verdict, text]) => `- **${verdict}**: ${text}.`)
      .join('\n'),
    '## How to run it',
    howTo(),
    '## Incident by incident',
    ...incidents.map(section),
    '## Shapes of traffic',
    'What incidents and known bypasses of other tools have in common, each by itself, under the everyday policy.',
    shapeTable(),
    outro(),
  ].join('\n\n')}\n`;
}

/** For the README, with its markers. */
export function renderReadmeBlock(): string {
  const runs = incidents.map(({ runs: [first] }) => first?.verdict);
  const count = (verdict: Verdict) => runs.filter((one) => one === verdict).length;
  const head = `\`make test-replay\` plays ${incidents.length} supply-chain incidents of 2025 and 2026 again, with their real names, addresses and ports, inside network namespaces of this machine: first under torwacht with the presets gitlab-com, npm and pypi, then without it, to prove that each attack is real. ${count('stopped')} are stopped as they happened, ${count('partly')} in part; [docs/incidents.md](docs/incidents.md) has the rows, and what other policies let through.`;
  const lines = incidents.map(({ date, name, runs: [first] }) => [
    date,
    name,
    destinations(first?.rows ?? []),
    first?.verdict ?? '',
  ]);
  const body = table(['date', 'incident', 'refused', 'verdict'], lines);
  return `${README_BEGIN}\n\n${head}\n\n${body}\n\n${README_END}`;
}

function intro(): string {
  return `${incidents.length} incidents of 2025 and 2026, each as a small job with the network traffic that the real one had: its names, addresses, ports, order and fallbacks. They exist inside a network namespace only, which has no way out; a DNS server and sinks there play the internet, and the secrets are made up. Each runs under the policy that a project of its kind would have, and once with enforcement off, where the secrets must arrive: otherwise the replay would prove nothing.`;
}

function howTo(): string {
  return `\`\`\`sh
make test-replay    # needs root; about a minute
\`\`\`

Every run of a replay checks that

- the job's own part (\`npm install\`, a package from the Python index, a request to the registry) succeeds;
- the rows of evidence are exactly those listed here: who, where to, why, how often;
- no address but those of allowed names got a single packet, and what arrived there is listed;
- the DNS servers behind torwacht were asked for allowed names only, and no part of a secret was among them.`;
}

function summary(all: readonly Incident[]): string {
  const lines = all.map((incident) => [
    incident.date,
    `[${incident.name}](#${anchor(incident.name)})`,
    verdicts(incident, 'gitlab'),
    more
      .map((policy) => verdicts(incident, policy))
      .filter(Boolean)
      .join('; ') || '–',
  ]);
  return table(['date', 'incident', 'gitlab-com, npm, pypi', 'with more allowed'], lines);
}

function verdicts({ runs }: Incident, policy: Run['policy']): string {
  const own = runs.filter((run) => run.policy === policy);
  const told = own.map((run, index) => (index === 0 ? run.verdict : `${run.verdict} (variant)`));
  if (told.length === 0) return '';
  return policy === 'gitlab' ? told.join(', ') : `${policies[policy].told}: ${told.join(', ')}`;
}

function section(incident: Incident): string {
  const { name, date, what, differs, runs, sources } = incident;
  return [
    `### ${name}`,
    `${date}. ${what}${differs === '' ? '' : ` _In the replay:_ ${differs}`}`,
    ...runs.map((run) => runText(run)),
    ...(sources.length === 0 ? [] : [`Sources: ${sources.map(source).join(', ')}`]),
  ].join('\n\n');
}

function source(text: string): string {
  return text.startsWith('https:') ? `<${text}>` : text;
}

function runText(run: Run): string {
  const { policy, verdict, why, rows, arrives = [], script } = run;
  const policyName =
    policy === 'gitlab' ? policies.gitlab.told : `the same ${policies[policy].told}`;
  const variant = script === undefined ? '' : ', variant';
  return [
    `**${verdict}** (${policyName}${variant}). ${why}`,
    ...(rows.length === 0 ? ['No rows.'] : [rowTable(rows)]),
    ...(arrives.length === 0 ? [] : [`Arrives: ${arrives.map((one) => `\`${one}\``).join(', ')}.`]),
  ].join('\n\n');
}

function rowTable(rows: readonly Row[]): string {
  const lines = rows.map(({ to, by, reason, count = 1 }) => [
    `\`${to}\``,
    `\`${by}\``,
    reason,
    String(count),
  ]);
  return table(['refused', 'process and its ancestors', 'reason', 'count'], lines);
}

function shapeTable(): string {
  const lines = shapes.map(({ number, shape, verdict, expected, notHere }) => [
    String(number),
    shape,
    numbers[verdict],
    expected,
    notHere === '' ? '–' : notHere,
  ]);
  return table(['#', 'shape', 'verdict', 'how', 'not on one machine'], lines);
}

function outro(): string {
  return 'Packages stand for those that were hit; where no source gave a version, it is made up. What the presets hold, and what they open: `torwacht policy presets`. The limits together: [limits.md](limits.md).';
}

/** Names and addresses without what they have in common, three at most. */
function destinations(rows: readonly Row[]): string {
  const all = rows.map(({ to }) => `\`${to}\``);
  const rest = all.length - 3;
  return rest > 0 ? `${all.slice(0, 3).join(', ')} and ${rest} more` : all.join(', ');
}

/** As GitHub makes it from a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Columns of equal width, as the other pages have them. */
function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const cells = [head, ...lines].map((line) => line.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) =>
    Math.max(3, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const format = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [first = [], ...rest] = cells;
  return [
    format(first),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...rest.map(format),
  ].join('\n');
}
