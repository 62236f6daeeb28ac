/**
 * The order of decision, told for one destination. Every answer is read off what `judgeName` and
 * `verdict` gave; nothing is decided anew.
 */
import { alwaysDeniedReasons } from './always-denied.ts';
import { contains, formatPrefix } from './cidr.ts';
import { destinationProtocols, portText } from './destination.ts';
import type { Judgement } from './judge-destination.ts';
import { firstMatch } from './permissions.ts';
import type { Question, Step } from './question.ts';
import { type RulePlace, rulePlace, rulesForName } from './rule-place.ts';
import { type CidrEntry, type CompiledPolicy, type Permission, protocols } from './types.ts';

export function steps(
  question: Question,
  policy: CompiledPolicy,
  judgement: Judgement,
): readonly Step[] {
  const tell = new Telling(question, policy, judgement);
  return [...tell.lookup(), ...tell.packet()];
}

class Telling {
  readonly #question: Question;
  readonly #policy: CompiledPolicy;
  readonly #judgement: Judgement;

  constructor(question: Question, policy: CompiledPolicy, judgement: Judgement) {
    this.#question = question;
    this.#policy = policy;
    this.#judgement = judgement;
  }

  /** The verdict on the name. */
  lookup(): readonly Step[] {
    const { name } = this.#judgement;
    const { host } = this.#question.destination;
    if (name === null || !('name' in host)) return [];
    const always = name.reason === 'doh' || name.reason === 'metadata';
    const first = step('lookup', 'always denied', always ? alwaysText(name.reason) : 'no');
    if (always) return [first];
    const matching = rulesForName(this.#policy, host.name);
    const ofAction = (action: 'allow' | 'deny'): readonly RulePlace[] =>
      matching.filter((one) => one.action === action).map(({ rule }) => this.#place(rule));
    return [
      first,
      listing('lookup', 'deny rules', ofAction('deny')),
      listing('lookup', 'allow rules', ofAction('allow')),
      step('lookup', 'answer', this.#answer()),
    ];
  }

  #answer(): string {
    const { name } = this.#judgement;
    if (name === null || !name.allowed) return 'NXDOMAIN; nobody is asked for its address';
    return name.private
      ? 'resolved; its addresses may be private ones (private: true)'
      : 'resolved; an answer with a private address is refused, for no rule says private: true';
  }

  /** The kernel's verdict on the first packet. */
  packet(): readonly Step[] {
    const { packet, reason } = this.#judgement;
    if (packet === null) return [];
    const always = alwaysDeniedReasons.has(reason);
    const first = step('packet', 'always denied', always ? alwaysText(reason) : 'no');
    if (always) return [first];
    const { host } = this.#question.destination;
    const denied = this.#deniedPrefixes();
    const rules = packet.reason === 'cidr' ? [this.#place(packet.rule)] : [];
    if ('name' in host) {
      const ports = this.#ports(this.#judgement.name?.permissions ?? []);
      const own = [first, denied, step('packet', 'ports of the name', ports)];
      return rules.length === 0 ? own : [...own, listing('packet', ALLOWED_PREFIXES, rules)];
    }
    const entry = this.#entry();
    const answer =
      entry === null ? 'none matches' : `${formatPrefix(entry)}: ${this.#ports(entry.permissions)}`;
    return [first, denied, { ...step('packet', ALLOWED_PREFIXES, answer), rules }];
  }

  /** Denied prefixes that hold for the address; for a name those that its address could be in. */
  #deniedPrefixes(): Step {
    const { destination } = this.#question;
    const number = destinationProtocols[destination.protocol];
    const denies = (entry: CidrEntry | null): Permission | null => {
      const line = entry === null ? null : firstMatch(entry.permissions, number, destination.port);
      return line?.action === 'deny' ? line : null;
    };
    const question = 'deny rules of prefixes';
    if (!('name' in destination.host)) {
      const line = denies(this.#entry());
      return line === null
        ? step('packet', question, 'none matches')
        : listing('packet', question, [this.#place(line.rule)]);
    }
    const found = this.#policy.cidrs.flatMap((entry) => {
      const line = denies(entry);
      return line === null ? [] : [{ entry, line }];
    });
    if (found.length === 0) return step('packet', question, 'none for this port');
    const every = found.find(({ entry }) => entry.length === 0);
    const shown = every === undefined ? found.slice(0, MAX_SHOWN) : [every];
    const prefixes = shown.map(({ entry }) => formatPrefix(entry)).join(', ');
    const more = every === undefined && found.length > shown.length ? ', …' : '';
    return {
      ...step(
        'packet',
        question,
        every === undefined
          ? `refused where its address is in ${prefixes}${more}`
          : `refused: every address is in ${prefixes}`,
      ),
      rules: [...new Set(shown.map(({ line }) => line.rule))].map((rule) => this.#place(rule)),
    };
  }

  #entry(): CidrEntry | null {
    const { host } = this.#question.destination;
    if (!('address' in host)) return null;
    // Sorted by address, shorter prefixes first: the last that holds it is the longest.
    return this.#policy.cidrs.findLast((entry) => contains(entry, host.address)) ?? null;
  }

  #ports(lines: readonly Permission[]): string {
    const { destination } = this.#question;
    const line = firstMatch(lines, destinationProtocols[destination.protocol], destination.port);
    const asked = portText(destination);
    if (line?.action === 'allow') return `${asked}: yes`;
    if (line?.action === 'deny') return `${asked}: denied`;
    const open = lines.filter(({ action }) => action === 'allow').map(lineText);
    return open.length === 0 ? `${asked}: no` : `${asked}: no, only ${open.join(', ')}`;
  }

  #place(rule: number): RulePlace {
    const { documents, destination } = this.#question;
    return rulePlace(documents, this.#policy, rule, destination.host);
  }
}

const ALLOWED_PREFIXES = 'allow rules of prefixes';

/** Prefixes that one line names. */
const MAX_SHOWN = 5;

function step(stage: Step['stage'], question: string, answer: string): Step {
  return { stage, question, answer, rules: [] };
}

function listing(stage: Step['stage'], question: string, rules: readonly RulePlace[]): Step {
  const shown = rules.slice(0, MAX_SHOWN);
  return { stage, question, answer: rules.length === 0 ? 'none matches' : 'matched', rules: shown };
}

/** @example lineText({ protocol: 6, from: 443, to: 443 }) === '443/TCP' */
export function lineText({
  protocol,
  from,
  to,
}: Pick<Permission, 'protocol' | 'from' | 'to'>): string {
  const range = from === to ? `${from}` : `${from}-${to}`;
  if (protocol === 0) return `${range}/TCP and UDP`;
  return `${range}/${protocol === protocols.UDP ? 'UDP' : 'TCP'}`;
}

const alwaysTexts: Readonly<Record<string, string>> = {
  doh: 'yes: a public resolver that answers over HTTPS',
  metadata: 'yes: a metadata service',
  dot: 'yes: port 853 is DNS over TLS and QUIC',
  'dns-server': 'yes: port 53 of anyone but the resolver of Torwacht',
  ipv6: 'yes: IPv6',
  icmp: 'yes: ICMP',
  probe: 'yes: an address that a barrier proves by that it is held',
  multicast: 'yes: multicast, broadcast, reserved or unset',
};

function alwaysText(reason: string): string {
  return alwaysTexts[reason] ?? `yes: ${reason}`;
}
