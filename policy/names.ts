/**
 * Names in rules. A name is its labels; a rule's name is compared label by label and never as text, so
 * that `evil-example.com` is not `example.com` and a dot inside a label is not a boundary.
 */
import { domainToASCII } from 'node:url';
import { parseAddress, type Refusal } from './cidr.ts';
import { quoted } from './problem.ts';
import type { NamePattern } from './types.ts';

/** RFC 1035 section 2.3.4: 63 bytes a label, 255 on the wire, which is 253 characters. */
export const MAX_LABEL = 63;
export const MAX_NAME = 253;

const labelPattern = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;
const queriedPattern = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

const prefixes: readonly (readonly [text: string, wildcard: NamePattern['wildcard']])[] = [
  ['**.', 'many'],
  ['*.', 'one'],
];

/**
 * Parses `example.com`, `*.example.com` or `**.example.com`. Upper case and one trailing dot are accepted
 * and dropped.
 */
export function parseName(text: string): NamePattern | Refusal {
  const shape = notAName(text);
  if (shape !== null) return shape;
  const [marker, wildcard] = prefixes.find(([prefix]) => text.startsWith(prefix)) ?? ['', 'none'];
  const rest = text.slice(marker.length).toLowerCase();
  const name = rest.endsWith('.') ? rest.slice(0, -1) : rest;
  if (name.length > MAX_NAME) {
    return {
      message: `is ${name.length} characters long`,
      hint: `A name has at most ${MAX_NAME}.`,
    };
  }
  const labels = name.split('.');
  for (const label of labels) {
    const refusal = badLabel(label, text);
    if (refusal !== null) return refusal;
  }
  return badEnd(labels, wildcard) ?? { labels, wildcard };
}

/** @example formatName({ labels: ['example', 'com'], wildcard: 'one' }) === '*.example.com' */
export function formatName(pattern: NamePattern): string {
  const marker = { none: '', one: '*.', many: '**.' }[pattern.wildcard];
  return marker + pattern.labels.join('.');
}

/**
 * A queried name as dotted text without the dot behind it; null when one of its labels is none that a rule can hold
 * (empty, too long, other than lower-case letters, digits, hyphen and underscore). No rule matches such a name.
 */
export function queriedName(name: string | readonly string[]): string | null {
  if (typeof name !== 'string') {
    // A dot inside a label is no boundary.
    return name.some((label) => label.includes('.')) ? null : queriedName(name.join('.'));
  }
  if (name.length > MAX_NAME + 1) return null;
  const text = name.endsWith('.') ? name.slice(0, -1) : name;
  return text.length <= MAX_NAME && queriedPattern.test(text) ? text : null;
}

/** What people write in place of a name; each gets the sentence that helps. */
const lookalikes: readonly (readonly [form: RegExp, message: string, hint: string])[] = [
  [/^$/, 'is empty', 'Write a name, like example.com.'],
  [/^[a-z][a-z0-9+.-]*:\/\//i, 'is a URL', 'Write the host name alone; ports go to `ports`.'],
  [/^[^:]*:[0-9]+$/, 'holds a port', 'Write the name alone and the port under `ports`.'],
  [/:/, 'holds a colon', 'Write a host name. IPv6 addresses are always denied in this version.'],
  [/\//, 'holds a slash', 'Write the host name alone; prefixes go to `cidr`.'],
  [/@/, 'holds an @', 'Write the host name alone.'],
  [/\s/, 'holds white space', 'Write one name per list entry.'],
  [/^\*{1,2}\.?$/, 'would match every name', 'Name the domains that the job needs.'],
  [/^\*{3,}/, 'begins with more than two stars', 'Use `*.` for one label, `**.` for one or more.'],
  [/^\./, 'begins with a dot', 'Use `*.` for one label more, `**.` for one or more.'],
  [
    /^(?:\*{1,2}\.)?.*\*/,
    'has a star that is not the whole first label',
    'Stars stand in front only: `*.` for one label, `**.` for one or more.',
  ],
];

function notAName(text: string): Refusal | null {
  // Bounded before any pattern looks at it.
  if (text.length > 1024) {
    return {
      message: `is ${text.length} characters long`,
      hint: `A name has at most ${MAX_NAME}.`,
    };
  }
  const stars = /^\*{1,2}\.(?=[^*]*$)/.test(text);
  for (const [form, message, hint] of lookalikes) {
    if (form.test(stars ? text.slice(text.indexOf('.') + 1) : text)) return { message, hint };
  }
  return null;
}

function badLabel(label: string, text: string): Refusal | null {
  if (label === '')
    return { message: 'has an empty label', hint: 'Write single dots between labels.' };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the ASCII range is what is meant
  if (/[^\x00-\x7f]/.test(label)) return notAscii(text);
  if (label.length > MAX_LABEL) {
    return {
      message: `has a label of ${label.length} characters`,
      hint: `A label has at most ${MAX_LABEL}.`,
    };
  }
  if (!labelPattern.test(label)) {
    return {
      message: `has the impossible label ${quoted(label)}`,
      hint: 'Labels are letters, digits, underscores and inner hyphens.',
    };
  }
  return null;
}

function notAscii(text: string): Refusal {
  const marker = prefixes.find(([prefix]) => text.startsWith(prefix))?.[0] ?? '';
  const ascii = domainToASCII(text.slice(marker.length));
  return {
    message: 'is not ASCII',
    hint:
      ascii === ''
        ? 'Write the name as it is in DNS, with labels that begin with xn--.'
        : `Write it as it is in DNS: ${marker}${ascii}`,
  };
}

function badEnd(labels: readonly string[], wildcard: NamePattern['wildcard']): Refusal | null {
  const name = labels.join('.');
  if (/^[0-9]+$/.test(labels.at(-1) ?? '')) {
    return typeof parseAddress(name) === 'number'
      ? { message: 'is an address', hint: `Write it under \`cidr\`: ${name}/32` }
      : { message: 'ends with a number, which no name does', hint: 'Check the last label.' };
  }
  if (wildcard !== 'none' && labels.length < 2) {
    return {
      message: `would match everything below ${name}`,
      hint: 'A wildcard needs at least two labels behind it, like *.example.com.',
    };
  }
  return null;
}
