/**
 * Secrets that stand in arguments and names. A row is read by more people than may know them, so they are masked
 * where rows leave the table of rows, before any sink. Rules err towards masking; what they do not know stays.
 *
 * Arguments are kept up to 128 bytes: at the end of a line that long a token may be cut, so there any part is enough.
 */
import type { EgressEvent } from './event.ts';

export const MASK = '[MASKED]';

/** A token that says by its beginning what it is. Case is ignored: names of DNS come in lower case. */
interface Shape {
  readonly begins: string;
  /** One character of the rest. */
  readonly rest: string;
  /** Shortest rest, where the text goes on behind it. */
  readonly least: number;
  /** What may follow the rest and is part of it. */
  readonly tail?: string;
}

const shapes: readonly Shape[] = [
  // GitLab: personal, OAuth, deploy, runner, job, trigger, feed, mail, agent, SCIM, feature flags; "routable" ends.
  {
    begins: 'gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-',
    rest: '[\\w-]',
    least: 8,
    tail: '(?:\\.[0-9a-z]{2}\\.[0-9a-z]{9})?',
  },
  { begins: 'gr1348941', rest: '[\\w-]', least: 8 },
  { begins: 'gh[pousr]_', rest: '[a-z0-9]', least: 16 },
  { begins: 'github_pat_', rest: '\\w', least: 16 },
  { begins: 'npm_', rest: '[a-z0-9]', least: 30 },
  { begins: 'pypi-', rest: '[\\w-]', least: 40 },
  { begins: '(?:akia|asia)', rest: '[a-z2-7]', least: 16 },
  { begins: '(?:xox[a-z]|xapp-\\d)-', rest: '[\\w-]', least: 8 },
  { begins: 'dckr_pat_', rest: '[\\w-]', least: 16 },
  { begins: '[sr]k_live_', rest: '[a-z0-9]', least: 16 },
  { begins: 'sk-(?:ant|proj)-', rest: '[\\w-]', least: 16 },
  { begins: 'sk-', rest: '[a-z0-9]', least: 32 },
  { begins: 'aiza', rest: '[\\w-]', least: 30 },
  { begins: 'hvs\\.', rest: '[\\w-]', least: 16 },
  // JSON Web Tokens: header and claims begin with `{"`.
  { begins: 'eyj', rest: '[\\w-]', least: 16, tail: '(?:\\.eyj[\\w-]*(?:\\.[\\w-]*)?)?' },
];

/** `cut`: at the end of the text one character of the rest is enough. */
function anyShape(cut: boolean): RegExp {
  const each = shapes.map(({ begins, rest, least, tail = '' }) => {
    const whole = `${rest}{${least},}${tail}`;
    return cut ? `${begins}(?:${whole}|${rest}+$)` : `${begins}${whole}`;
  });
  return new RegExp(`(?<![a-z0-9])(?:${each.join('|')})`, 'gi');
}

const wholeTokens = anyShape(false);
const cutTokens = anyShape(true);

/** `https://user:password@host`; at the end of a word also without what follows, but for a port. */
const userInfo = /(:\/\/)(?:[^\s/?#'"]*(?=@)|[^\s/?#'"@:]+:(?!\d{1,5}$)[^\s/?#'"@]+$)/g;

const hooks = /(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[\w/-]+/gi;

const SECRET =
  '(?:passw(?:or)?d|passphrase|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|auth(?![a-z])|authorization|cookie)';
/** A name that holds such a word: `GITLAB_TOKEN`, `--db-password`, `:_authToken`, `PRIVATE-TOKEN`. */
const KEY = `[\\w.-]*${SECRET}[\\w.-]*`;

/** A whole word that begins with it has the secret up to its end, blanks too. */
const wholeWord = new RegExp(`^('?-{0,2}${KEY}\\s*[:=]\\s*).+?('?)$`, 'i');
/** Inside of a word, a script perhaps: up to the end of what is quoted, for headers with a colon. */
const header = new RegExp(
  `(${KEY}["']?\\s*:\\s*["']?)(?!/|\\d{1,5}/)[^"']*?(?=["']|\\\\x2[27]|$)`,
  'gi',
);
const assigned = new RegExp(
  `(${KEY}["']?=)(?:"[^"]*"?|\\\\x27.*?(?:\\\\x27|$)|[^\\s"'&;|]+)`,
  'gi',
);
/** `--password hunter2` inside of a script. */
const flagInScript = new RegExp(`(\\s--?${KEY}\\s+)(?!-)[^\\s"'&;|]+`, 'gi');
/** A word that says that the next one is a secret; curl's and others' `user:password`. */
const flag = new RegExp(`^--?${KEY}$`, 'i');
const userFlag = /^(?:-u|-U|--user|--proxy-user)$/;

/** A value that looks like chance: long, of letters and digits, and no path. */
const longValue = /(=)(?![./~])([\w+/~.-]{20,}={0,2})/g;
const cutValue = /(=)(?![./~])([\w+/~.-]{12,}={0,2})$/g;
/** A line of arguments that was cut is at least so long. */
const CUT = 127;
/** Bits per character. English words are below, base64 and hexadecimal digits above. */
const CHANCE = 3;

/** Masks tokens of known shapes in a text that {@link escapeText} has made. */
export function maskText(text: string): string {
  return maskTokens(text, wholeTokens);
}

function maskTokens(text: string, tokens: RegExp): string {
  return text.replace(tokens, MASK).replace(userInfo, `$1${MASK}`).replace(hooks, `$1${MASK}`);
}

/** Masks arguments in one line, words with blanks in quotes. */
export function maskArguments(line: string): string {
  const words = line.match(/'[^']*'?|[^ ]+/g) ?? [];
  const end = line.length < CUT ? words.length : words.length - 1;
  return words.map((word, at) => maskWord(word, words[at - 1] ?? '', at === end)).join(' ');
}

function maskWord(word: string, before: string, cut: boolean): string {
  if (flag.test(before) && !word.startsWith('-')) return MASK;
  if (userFlag.test(before) && word.includes(':')) return MASK;
  const named = word
    .replace(wholeWord, `$1${MASK}$2`)
    .replace(header, `$1${MASK}`)
    .replace(assigned, `$1${MASK}`)
    .replace(flagInScript, `$1${MASK}`);
  const chance = (whole: string, equals: string, text: string) =>
    looksRandom(text) ? equals + MASK : whole;
  const valued = named.replace(longValue, chance);
  return cut
    ? maskTokens(valued.replace(cutValue, chance), cutTokens)
    : maskTokens(valued, wholeTokens);
}

function looksRandom(text: string): boolean {
  if (!/\d/.test(text) || !/[a-z]/i.test(text)) return false;
  const counts = new Map<string, number>();
  for (const unit of text) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / text.length);
  return shares.reduce((bits, share) => bits - share * Math.log2(share), 0) >= CHANCE;
}

/** The same event without the secrets that its texts hold. What a policy's author wrote stays as it is. */
export function maskEvent(event: EgressEvent): EgressEvent {
  const { job_name, pod, container, comm, parent_comm, exe, argv, domain } = event;
  return {
    ...event,
    job_name: masked(job_name),
    pod: masked(pod),
    container: masked(container),
    comm: masked(comm),
    parent_comm: masked(parent_comm),
    exe: masked(exe),
    argv: argv === null ? null : sameOr(argv, maskArguments(argv)),
    ancestry: maskAncestry(event.ancestry),
    domain: masked(domain),
  };
}

/** Thousands of rows share what nothing was masked in. */
function sameOr(before: string, after: string): string {
  return after === before ? before : after;
}

function maskAncestry(line: EgressEvent['ancestry']): EgressEvent['ancestry'] {
  const names = line.map(({ comm }) => maskText(comm));
  if (names.every((name, at) => name === line[at]?.comm)) return line;
  return line.map(({ pid }, at) => ({ pid, comm: names[at] ?? '' }));
}

function masked(text: string | null): string | null {
  return text === null ? null : maskText(text);
}
