/** What is collected while documents are compiled: rules by number, and what each says of names and prefixes. */
import type { TorwachtDocument } from '#api/documents.ts';
import { failure } from '#api/error.ts';
import type { Port } from '#api/rule.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import type { Ceiling } from './ceiling.ts';
import { parsePrefix, type Refusal } from './cidr.ts';
import { errors } from './errors.ts';
import type { CidrRule } from './flatten.ts';
import { parseHost, parseInstanceUrl } from './instance.ts';
import { parseName } from './names.ts';
import { permissionsOf } from './permissions.ts';
import { presets } from './presets.ts';
import { quoted } from './problem.ts';
import { documentTitle } from './title.ts';
import type { CompiledRule, NameRule, Permission } from './types.ts';

/** Names, and prefixes, that one target's policies can hold together. */
export const MAX_ENTRIES = 65_536;

export class Tables {
  readonly rules: CompiledRule[] = [{ name: 'default', policy: '' }];
  readonly names: NameRule[] = [];
  readonly cidrs: CidrRule[] = [];

  /** Adds a rule and gives its index. */
  rule(document: TorwachtDocument, part: string): number {
    const title = documentTitle(document);
    this.rules.push({
      name: `${title} ${part}`,
      policy: title.slice(document.kind.length + 1),
    });
    return this.rules.length - 1;
  }

  /** @throws TW_POLICY_TOO_LARGE */
  addName(rule: NameRule): void {
    if (this.names.length === MAX_ENTRIES) throw tooLarge('names');
    this.names.push(rule);
  }

  /** @throws TW_POLICY_TOO_LARGE */
  addPrefix(rule: CidrRule): void {
    if (this.cidrs.length === MAX_ENTRIES) throw tooLarge('prefixes');
    this.cidrs.push(rule);
  }
}

function tooLarge(what: string) {
  return failure(errors.tooLarge, { what, max: MAX_ENTRIES });
}

export interface RuleSource {
  readonly fqdn?: readonly string[] | undefined;
  readonly cidr?: readonly string[] | undefined;
  readonly ports?: readonly Port[] | undefined;
  readonly private?: boolean | undefined;
}

const HTTPS: readonly Port[] = [{ port: 443, protocol: 'TCP' }];

export interface Place {
  readonly document: TorwachtDocument;
  /** As in the rule's name: `allow[0]`. */
  readonly part: string;
}

/** A deny rule as it stands. */
export function addDeny(tables: Tables, place: Place, source: RuleSource): void {
  const entries = entriesOf(tables, place, 'deny', source);
  for (const name of entries.names) tables.addName(name);
  for (const prefix of entries.cidrs) tables.addPrefix(prefix);
}

/** An allow rule, or what every ceiling leaves of it. */
export function addAllow(
  tables: Tables,
  place: Place,
  source: RuleSource,
  ceilings: readonly Ceiling[] = [],
): void {
  let { names, cidrs } = entriesOf(tables, place, 'allow', source);
  for (const ceiling of ceilings) {
    names = names.flatMap((name) => ceiling.limitName(name));
    cidrs = cidrs.flatMap((prefix) => ceiling.limitPrefix(prefix));
  }
  for (const name of names) tables.addName(name);
  for (const prefix of cidrs) tables.addPrefix(prefix);
}

function entriesOf(
  tables: Tables,
  place: Place,
  action: Permission['action'],
  source: RuleSource,
): { names: readonly NameRule[]; cidrs: readonly CidrRule[] } {
  const rule = tables.rule(place.document, place.part);
  const ports = source.ports ?? (action === 'allow' ? HTTPS : undefined);
  const permissions = permissionsOf(action, rule, ports);
  return {
    names: (source.fqdn ?? []).map((text) => ({
      pattern: valid(parseName(text), place, text),
      private: source.private ?? false,
      permissions,
    })),
    cidrs: (source.cidr ?? []).map((text) => ({
      ...valid(parsePrefix(text), place, text),
      permissions,
    })),
  };
}

/** A preset's rules, each once, whatever a document repeats. */
export function addPresets(
  tables: Tables,
  document: TorwachtDocument,
  names: readonly string[] | undefined,
  ceilings: readonly Ceiling[] = [],
): void {
  for (const name of new Set(names ?? [])) {
    const preset = presets.get(name);
    if (preset === undefined) {
      const refusal = { message: 'is no preset of this version', hint: 'See the list of presets.' };
      throw invalid({ document, part: 'presets' }, name, refusal);
    }
    for (const rule of preset.rules) {
      addAllow(tables, { document, part: `preset ${name}` }, rule, ceilings);
    }
  }
}

/** What every job of the binding needs: the instance that it clones from and reports to. */
export function addGitlab(tables: Tables, binding: RunnerBinding): void {
  const { gitlab } = binding.spec;
  if (gitlab === undefined) return;
  const at = (part: string): Place => ({ document: binding, part });
  const instance = valid(parseInstanceUrl(gitlab.url), at('gitlab.url'), gitlab.url);
  const endpoints = [
    instance,
    ...(gitlab.extraHosts ?? []).map(({ host, port }) => ({
      host: valid(parseHost(host), at('gitlab.extraHosts'), host),
      port,
    })),
  ];
  const rule = tables.rule(binding, 'gitlab');
  for (const { host, port } of endpoints) {
    const permissions = permissionsOf('allow', rule, [{ port, protocol: 'TCP' }]);
    if ('name' in host) {
      tables.addName({ pattern: host.name, private: gitlab.private, permissions });
    } else {
      tables.addPrefix({ address: host.address, length: 32, permissions });
    }
  }
}

function valid<T extends object>(result: T | Refusal, place: Place, text: string): T {
  if ('message' in result) throw invalid(place, text, result);
  return result;
}

function invalid({ document, part }: Place, text: string, refusal: Refusal) {
  return failure(errors.invalidDocument, {
    document: documentTitle(document),
    field: part,
    message: `${quoted(text)} ${refusal.message}`,
    hint: refusal.hint,
  });
}
