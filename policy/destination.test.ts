import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DestinationProtocol, hostText, parseDestination, portText } from './destination.ts';

/** Host and port as text, or what is wrong with it. */
function read(text: string, protocol?: DestinationProtocol): string {
  const destination = parseDestination(text, protocol);
  if ('message' in destination) return destination.message;
  return `${hostText(destination.host)} ${portText(destination)}`;
}

const forms: readonly (readonly [text: string, expected: string])[] = [
  ['registry.npmjs.org', 'registry.npmjs.org 443/TCP'],
  ['Registry.NPMJS.org.', 'registry.npmjs.org 443/TCP'],
  ['git.example.com:22', 'git.example.com 22/TCP'],
  ['https://example.com/a/b?c#d', 'example.com 443/TCP'],
  ['HTTP://example.com', 'example.com 80/TCP'],
  ['https://user:secret@example.com:8443/', 'example.com 8443/TCP'],
  ['ssh://git@example.com/x.git', 'example.com 22/TCP'],
  ['udp://192.0.2.7:514', '192.0.2.7 514/UDP'],
  ['tcp://192.0.2.7:514', '192.0.2.7 514/TCP'],
  ['192.0.2.7', '192.0.2.7 443/TCP'],
  ['192.0.2.7:5432', '192.0.2.7 5432/TCP'],
  ['[2001:db8::1]:443', '2001:db8::1 443/TCP'],
  ['2001:DB8::1', '2001:db8::1 443/TCP'],
  ['[::ffff:192.0.2.7]:80', '192.0.2.7 80/TCP'],
  ['metadata', 'metadata 443/TCP'],
];

for (const [text, expected] of forms) {
  test(`${text} is ${expected}`, () => assert.equal(read(text), expected));
}

test('a flag says the protocol, and must not contradict a scheme', () => {
  assert.equal(read('example.com', 'udp'), 'example.com 443/UDP');
  assert.equal(read('example.com', 'icmp'), 'example.com ICMP');
  assert.match(read('example.com:7', 'icmp'), /has a port/);
  assert.match(read('udp://example.com:7', 'tcp'), /says udp/);
  assert.match(read('https://example.com', 'udp'), /says tcp/);
});

test('what is ignored or assumed is told, and a secret is not', () => {
  const destination = parseDestination('https://user:secret@example.com/path');
  assert.ok(!('message' in destination));
  assert.equal(destination.notes.length, 2);
  assert.doesNotMatch(JSON.stringify(destination), /secret|user:/);
});

const refused: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /is empty/],
  ['010.0.0.1', /octal/],
  ['256.0.0.1', /above 255/],
  ['example.com:0', /port 0/],
  ['example.com:65536', /port 65536/],
  ['example.com:http', /not a host/],
  ['*.example.com', /pattern/],
  ['10.0.0.0/8', /slash/],
  ['gopher://example.com', /scheme/],
  ['constructor://example.com', /scheme/],
  ['exa mple.com', /white space/],
  ['https://', /is empty/],
  ['[::1', /not a host/],
  ['[fe80::1%eth0]:80', /not a host/],
  ['bücher.example', /not ASCII/],
  ['x'.repeat(3000), /3000 characters/],
];

for (const [text, why] of refused) {
  test(`${JSON.stringify(text.slice(0, 40))} is no destination: ${why.source}`, () => {
    assert.match(read(text), why);
  });
}
