import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies } from './load.ts';

const parse = (text: string) =>
  parsePolicies([{ file: 'p.yaml', content: new TextEncoder().encode(text) }]);

const head = 'apiVersion: torwacht.io/v1alpha1\nkind: EgressPolicy\nmetadata:\n  name: web\n';
const bindingHead = head.replace('EgressPolicy', 'RunnerBinding');

/** What is wrong, as `line:column field: message | hint`. */
const shown = (text: string) =>
  parse(text).problems.map(
    ({ line, column, field, message, hint }) => `${line}:${column} ${field}: ${message} | ${hint}`,
  );

const bad: readonly (readonly [what: string, text: string, ...problems: string[]])[] = [
  [
    'nothing',
    '# only a comment\n---\n',
    '0:0 : holds no document | Write an EgressPolicy into it, or remove it.',
  ],
  [
    'a list',
    '- 1\n',
    '1:1 : is not a map of fields | Begin with apiVersion: torwacht.io/v1alpha1.',
  ],
  [
    'no apiVersion',
    'kind: EgressPolicy\n',
    '1:1 apiVersion: is required | Write torwacht.io/v1alpha1.',
  ],
  [
    'a document of another program',
    'apiVersion: apps/v1\nkind: Deployment\n',
    '1:13 apiVersion: is "apps/v1", and only torwacht.io/v1alpha1 is read | ' +
      'Keep documents of other programs out of the policy folder.',
  ],
  [
    'another version',
    'apiVersion: torwacht.io/v1\nkind: EgressPolicy\n',
    '1:13 apiVersion: is "torwacht.io/v1", and only torwacht.io/v1alpha1 is read | ' +
      'This version of Torwacht knows torwacht.io/v1alpha1.',
  ],
  [
    'a mistyped kind',
    'apiVersion: torwacht.io/v1alpha1\nkind: EgresPolicy\n',
    '2:7 kind: is "EgresPolicy", which files cannot hold | Did you mean EgressPolicy?',
  ],
  [
    'no name and no spec',
    'apiVersion: torwacht.io/v1alpha1\nkind: EgressPolicy\nmetadata: {}\n',
    '1:1 spec: is required | Add it.',
    '3:11 metadata.name: is required | Add it.',
  ],
  [
    'a mistyped field',
    `${head}spec:\n  alow: []\n`,
    '6:3 spec.alow: unknown field "alow" | Did you mean "allow"?',
  ],
  [
    'a field of nothing known',
    `${head}spec:\n  deny:\n    - fqdn: [a.test]\n      quarantine: true\n`,
    '8:7 spec.deny[0].quarantine: unknown field "quarantine" | ' +
      'Fields that are known here: fqdn, cidr, ports.',
  ],
  [
    'a field called __proto__',
    `${head}spec:\n  __proto__: {a: 1}\n`,
    '6:3 spec.__proto__: unknown field "__proto__" | ' +
      'Fields that are known here: selector, presets, allow, deny.',
  ],
  [
    'a project id that is a number',
    `${head}spec:\n  selector:\n    projects: [ 314 ]\n`,
    '7:17 spec.selector.projects[0]: must be a string, not a number | Put it in quotes: "314".',
  ],
  [
    'one name in place of a list',
    `${head}spec:\n  allow:\n    - fqdn: a.test\n`,
    '7:13 spec.allow[0].fqdn: must be a list, not a string | Write a list: ["a.test"].',
  ],
  [
    'a field without value',
    `${head}spec:\n  allow:\n`,
    '6:9 spec.allow: must be a list, not empty | Give it a value, or remove the field.',
  ],
  [
    'fqdn and cidr together',
    `${head}spec:\n  allow:\n    - fqdn: [a.test]\n      cidr: [192.0.2.0/24]\n`,
    '7:7 spec.allow[0]: must hold exactly one of fqdn and cidr | ' +
      'Name destinations under one of them; where both are meant, write two rules.',
  ],
  [
    'private with cidr',
    `${head}spec:\n  allow:\n    - cidr: [10.0.0.0/8]\n      private: true\n`,
    '8:16 spec.allow[0].private: goes with fqdn only | ' +
      'Remove it: a prefix says by itself which addresses it means.',
  ],
  [
    'an impossible port',
    `${head}spec:\n  deny:\n    - fqdn: [a.test]\n      ports: [{port: 70000}, {port: 1.5}]\n`,
    '8:22 spec.deny[0].ports[0].port: must be at most 65535 | Bring it into bounds.',
    '8:37 spec.deny[0].ports[1].port: must be a whole number, not the number 1.5 | ' +
      'Write a whole number.',
  ],
  [
    'a range upside down',
    `${head}spec:\n  deny:\n    - fqdn: [a.test]\n      ports: [{port: 9, endPort: 8}]\n`,
    '8:34 spec.deny[0].ports[0].endPort: must not be lower than port | ' +
      'Write the lower end under port and the upper end under endPort.',
  ],
  [
    'a protocol in lower case',
    `${head}spec:\n  deny:\n    - fqdn: [a.test]\n      ports: [{port: 9, protocol: udp}]\n`,
    '8:35 spec.deny[0].ports[0].protocol: must be one of TCP, UDP, not "udp" | Did you mean UDP?',
  ],
  [
    'a port that some read as octal',
    `${head}spec:\n  deny:\n    - fqdn: [a.test]\n      ports: [{port: 0443}]\n`,
    '8:22 spec.deny[0].ports[0].port: "0443" has a leading zero, which some programs read as octal | ' +
      'Write 443 if that is what is meant.',
  ],
  [
    'an impossible name, at the very entry',
    `${head}spec:\n  allow:\n    - fqdn:\n        - a.test\n        - "*.com"\n`,
    '9:11 spec.allow[0].fqdn[1]: "*.com" would match everything below com | ' +
      'A wildcard needs at least two labels behind it, like *.example.com.',
  ],
  [
    'a wildcard without quotes',
    `${head}spec:\n  allow:\n    - fqdn: [*.example.com]\n`,
    '7:14 spec.allow[0].fqdn[0]: there is no anchor ".example.com" before this alias | ' +
      "A value that begins with a star needs quotes: '*.example.com'.",
  ],
  [
    'impossible prefixes',
    `${head}spec:\n  deny:\n    - cidr: [10.0.0.1/8, "fd00::/8"]\n`,
    '7:14 spec.deny[0].cidr[0]: "10.0.0.1/8" has bits set behind its prefix length of 8 | ' +
      'Write 10.0.0.0/8 for the network, or 10.0.0.1/32 for this address alone.',
    '7:26 spec.deny[0].cidr[1]: "fd00::/8" is IPv6, which this version always denies | ' +
      'Remove it. IPv6 needs no deny rule, and no rule can allow it yet.',
  ],
  [
    'an unknown preset, and one that holds nothing',
    `${head}spec:\n  presets: [nmp, cache-s3]\n`,
    '6:13 spec.presets[0]: "nmp" is no preset of this version | ' +
      '`torwacht policy presets` lists them.',
    '6:18 spec.presets[1]: "cache-s3" has no hosts of its own: they are yours | Write allow with ' +
      'fqdn BUCKET.s3.REGION.amazonaws.com and BUCKET.s3.dualstack.REGION.amazonaws.com.',
  ],
  [
    'a preset that is nearly one',
    `${head}spec:\n  presets: [dockerhubb]\n`,
    '6:13 spec.presets[0]: "dockerhubb" is no preset of this version | ' +
      'Did you mean "dockerhub"? `torwacht policy presets` lists them all.',
  ],
  [
    'an impossible mode',
    `${bindingHead}spec:\n  mode: Obsrve\n`,
    '6:9 spec.mode: must be one of Block, Observe, not "Obsrve" | Did you mean Observe?',
  ],
  [
    'impossible hosts of GitLab',
    `${bindingHead}spec:\n  gitlab:\n    url: gitlab.test\n    extraHosts:\n` +
      '      - host: "*.gitlab.test"\n      - host: 010.0.0.1\n',
    '7:10 spec.gitlab.url: "gitlab.test" is not an http or https address | ' +
      'Write it like https://gitlab.example.com or https://gitlab.example.com:8443.',
    '9:15 spec.gitlab.extraHosts[0].host: "*.gitlab.test" holds a wildcard | ' +
      'Name each host of the instance.',
    '10:15 spec.gitlab.extraHosts[1].host: "010.0.0.1" has the octet 010, which some programs ' +
      'read as octal | Write 10 if that is what is meant.',
  ],
  [
    'a GitLab address with a password',
    `${bindingHead}spec:\n  gitlab:\n    url: https://a:b@gitlab.test\n`,
    '7:10 spec.gitlab.url: "https://a:b@gitlab.test" holds a user name | ' +
      'Remove what stands before the @.',
  ],
  [
    'a DNS upstream that is a name',
    `${bindingHead}spec:\n  dns:\n    upstreams: [dns.test, "192.0.2.53:99999"]\n`,
    '7:17 spec.dns.upstreams[0]: "dns.test" is not an IPv4 address | ' +
      'Write the address of the server.',
    '7:27 spec.dns.upstreams[1]: "192.0.2.53:99999" has the port 99999 | A port is 1 to 65535.',
  ],
  [
    'a document twice',
    `${head}spec: {}\n---\n${head}spec: {}\n`,
    '10:9 metadata.name: EgressPolicy default/web is already in p.yaml:1 | ' +
      'Give one of them another name, or remove it.',
  ],
  [
    'a key twice',
    `${head}spec:\n  deny: []\n  allow: []\n  deny: []\n`,
    '8:3 spec.deny: "deny" stands twice in the same map | ' +
      'Keep one of them: which one counts is not defined.',
  ],
  [
    'a key that is no string',
    `${head}spec:\n  1: []\n`,
    '6:3 spec: a key is not a string | Put the key in quotes.',
  ],
  [
    'a tab',
    `${head}spec:\n\tallow: []\n`,
    '6:1 : a tab is used for indentation | Indent with spaces.',
  ],
  [
    'a bracket that is not closed',
    `${head}spec:\n  presets: [npm\n`,
    '7:1 : a closing quote, bracket or colon is missing | Check this line and those before.',
  ],
  [
    'an unknown tag',
    `${head}spec:\n  presets: !env [npm]\n`,
    '6:12 : has a tag that is not known | Remove the tag: plain values are enough.',
  ],
  [
    'an alias inside itself',
    `${head}spec: &a\n  allow: *a\n`,
    '6:10 spec.allow.allow.allow: is nested too deeply | No field needs this.',
  ],
  [
    'a label that cannot be one',
    `${bindingHead}spec:\n  selector:\n    podLabels:\n      "a b": c\n`,
    '8:7 spec.selector.podLabels["a b"]: is not the key of a label | Correct the key.',
  ],
  [
    'control characters, which are not printed as they are',
    `${head}spec:\n  presets: ["\\e[31mred\\u202e"]\n`,
    '6:13 spec.presets[0]: "\\u001b[31mred\\u202e" is no preset of this version | ' +
      '`torwacht policy presets` lists them.',
  ],
];

for (const [what, text, ...problems] of bad) {
  test(`told with its position: ${what}`, () => {
    assert.deepEqual(shown(text), problems);
    assert.deepEqual(parse(text).documents, []);
  });
}
