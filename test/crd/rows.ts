/**
 * Documents that people write, good and bad, and what the API server says of the bad ones. Rules between
 * fields are tried here; single values are tried by faults.ts.
 */
import { type Document, document } from './documents.ts';

export interface Row {
  readonly what: string;
  readonly document: Document;
  /** What `kubectl apply` shows of it; undefined where it is good. */
  readonly says?: string;
}

const policy = (spec: unknown, metadata?: object) => document('EgressPolicy', spec, metadata);
const binding = (spec: unknown) => document('RunnerBinding', spec);
const cluster = (spec: unknown) => document('ClusterEgressPolicy', spec);

const invalid = (path: string, message: string): string =>
  `${path}: Invalid value: "object": ${message}`;
const both = 'must hold exactly one of fqdn and cidr';

const mail = { name: 'a', server: 'mail.test:25', from: 'a@b.test', to: ['c@d.test'] };
const tooMany = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`key-${n}`, '']));

const good: readonly (readonly [what: string, document: Document])[] = [
  ['a policy that allows nothing', policy({})],
  ['a rule with names', policy({ allow: [{ fqdn: ['a.test'] }] })],
  ['a rule with prefixes', policy({ deny: [{ cidr: ['0.0.0.0/0'] }] })],
  [
    'a range of one port',
    policy({ allow: [{ fqdn: ['a.test'], ports: [{ port: 1, endPort: 1 }] }] }),
  ],
  ['as many characters as a job may have', policy({ selector: { jobs: ['🚀'.repeat(255)] } })],
  ['the longest name with both stars', policy({ allow: [{ fqdn: [`**.${longName()}.`] }] })],
  ['a binding that governs its namespace', binding({})],
  ['a binding that trusts nothing', binding({ trust: {} })],
  ['a binding that tells nobody', binding({ alerts: {} })],
  ['mail without a password', binding({ alerts: { email: [{ ...mail, tls: 'None' }] } })],
  ['a binding with a GitLab', binding({ gitlab: { url: 'http://gitlab.test:8080' } })],
  ['a cluster policy without a ceiling', cluster({ deny: [{ cidr: ['10.0.0.0/8'] }] })],
  ['a ceiling that lets nothing through', cluster({ ceiling: {} })],
  ['every namespace', cluster({ namespaceSelector: {} })],
  ['a node that holds nothing', document('NodeAgent', {})],
];

const bad: readonly (readonly [what: string, document: Document, says: string])[] = [
  [
    'mail by a name without a password',
    binding({ alerts: { email: [{ ...mail, username: 'a' }] } }),
    invalid('spec.alerts.email[0]', 'username and passwordKey go together'),
  ],
  [
    'a password that everybody on the way reads',
    binding({ alerts: { email: [{ ...mail, tls: 'None', username: 'a', passwordKey: 'b' }] } }),
    invalid('spec.alerts.email[0]', 'a password is not sent without TLS'),
  ],
  [
    'fqdn and cidr in one rule',
    policy({ allow: [{ fqdn: ['a.test'], cidr: ['192.0.2.0/24'] }] }),
    invalid('spec.allow[0]', both),
  ],
  [
    'a rule about nothing',
    policy({ allow: [{ ports: [{ port: 1 }] }] }),
    invalid('spec.allow[0]', both),
  ],
  ['a deny rule about nothing', policy({ deny: [{}] }), invalid('spec.deny[0]', both)],
  [
    'the same in a cluster policy',
    cluster({ deny: [{ cidr: ['10.0.0.0/8'] }, {}] }),
    invalid('spec.deny[1]', both),
  ],
  [
    'the same in a ceiling',
    cluster({ ceiling: { allow: [{}] } }),
    invalid('spec.ceiling.allow[0]', both),
  ],
  [
    'private beside cidr',
    policy({ allow: [{ cidr: ['192.0.2.0/24'], private: false }] }),
    invalid('spec.allow[0].private', 'goes with fqdn only'),
  ],
  [
    'a range that ends before it begins',
    policy({ allow: [{ fqdn: ['a.test'], ports: [{ port: 9, endPort: 8 }] }] }),
    invalid('spec.allow[0].ports[0].endPort', 'must not be lower than port'),
  ],
  [
    'an expression that wants values',
    cluster({ namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'NotIn' }] } }),
    invalid(
      'spec.namespaceSelector.matchExpressions[0]',
      'values go with In and NotIn, and only with them',
    ),
  ],
  [
    'an expression that wants none',
    cluster({
      namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
    }),
    invalid(
      'spec.namespaceSelector.matchExpressions[0]',
      'values go with In and NotIn, and only with them',
    ),
  ],
  [
    'a label that cannot be one',
    cluster({ namespaceSelector: { matchLabels: { 'a b': 'c' } } }),
    invalid('spec.namespaceSelector.matchLabels', 'is not the key of a label'),
  ],
  [
    'a label that is too long',
    binding({ selector: { podLabels: { ['a'.repeat(318)]: 'c' } } }),
    invalid('spec.selector.podLabels', 'the key of a label has at most 317 characters'),
  ],
  [
    'more labels than a selector takes',
    binding({ selector: { podLabels: tooMany } }),
    'spec.selector.podLabels: Too many: 33: must have at most 32 items',
  ],
  [
    'a bundle that is nothing',
    document('PolicyBundle', {}),
    invalid('spec', 'must hold exactly one of head and piece'),
  ],
  ['a mistyped field', policy({ alow: [] }), 'strict decoding error: unknown field "spec.alow"'],
  [
    'a project id that is a number',
    policy({ selector: { projects: [4711] } }),
    'spec.selector.projects[0]: Invalid value: "integer"',
  ],
  [
    'an empty list of projects, which would read as every project',
    policy({ selector: { projects: [] } }),
    'spec.selector.projects: Invalid value: 0: spec.selector.projects in body should have at least 1 items',
  ],
  [
    'a word that is no mode',
    binding({ mode: 'Log' }),
    'spec.mode: Unsupported value: "Log": supported values: "Block", "Observe"',
  ],
  [
    'a name in capitals',
    policy({}, { name: 'Web' }),
    'metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of',
  ],
  [
    'a job name of too many characters',
    policy({ selector: { jobs: ['🚀'.repeat(256)] } }),
    'spec.selector.jobs[0]: Too long: may not be more than 255 bytes',
  ],
];

export const rows: readonly Row[] = [
  ...good.map(([what, document]) => ({ what, document })),
  ...bad.map(([what, document, says]) => ({ what, document, says })),
];

/** What the API server takes and a file may not hold: it removes null before it looks. */
export const takenByTheServerOnly: readonly Row[] = [
  { what: 'a field without value', document: policy({ allow: null }) },
  { what: 'a default without value', document: binding({ mode: null }) },
];

/** So long that two stars, and a dot at its end, are all that fits besides. */
function longName(): string {
  return ['a', 'b', 'c']
    .map((letter) => letter.repeat(63))
    .join('.')
    .concat(`.${'d'.repeat(59)}`);
}
