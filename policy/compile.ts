/**
 * Compiles documents for one target: selects those that are about it, combines them so that any deny wins,
 * and writes out what the DNS verdict and the kernel read. Pure: equal input gives an equal digest.
 */
import { createHash } from 'node:crypto';
import type { TorwachtDocument } from '#api/documents.ts';
import type { EgressPolicy } from '#api/egress-policy.ts';
import { failure } from '#api/error.ts';
import type { Port } from '#api/rule.ts';
import type { RunnerBinding } from '#api/runner-binding.ts';
import { parsePrefix, type Refusal } from './cidr.ts';
import { errors } from './errors.ts';
import { type CidrRule, flatten } from './flatten.ts';
import { parseHost, parseInstanceUrl } from './instance.ts';
import { nameIndexOf } from './judge-name.ts';
import { parseName } from './names.ts';
import { permissionsOf } from './permissions.ts';
import { presets } from './presets.ts';
import { quoted } from './problem.ts';
import { governs, modeOf, selects } from './select.ts';
import { documentTitle, namespaceOf } from './title.ts';
import type { CompiledPolicy, CompiledRule, Identity, NameRule, Permission } from './types.ts';

export interface CompileOptions {
  /** Every document counts, whatever namespace it is in: there is no cluster. */
  readonly ignoreNamespaces?: boolean;
  /** Whoever starts the target names project and job, so an allow may hang on a job name. */
  readonly trustIdentity?: boolean;
}

/**
 * Compiles documents as `loadPolicies` or `checkDocument` gave them. Their order does not matter.
 *
 * @throws TW_POLICY_TOO_MANY_LINES when more port ranges meet in one name or prefix than the kernel reads
 * @throws TW_POLICY_INVALID for a document that was not checked
 */
export function compile(
  documents: readonly TorwachtDocument[],
  identity: Identity,
  options: CompileOptions = {},
): CompiledPolicy {
  const inScope = sorted(documents).filter((document) => isInScope(document, identity, options));
  const bindings = inScope.filter((document) => document.kind === 'RunnerBinding');
  const policies = inScope
    .filter((document) => document.kind === 'EgressPolicy')
    .filter((policy) => selects(policy.spec.selector, identity));

  const trusted = options.trustIdentity === true || trustsJobNames(bindings);
  const tables = new Tables();
  for (const policy of policies) addPolicy(tables, policy, trusted);
  for (const binding of bindings) addGitlab(tables, binding);

  const content = {
    mode: modeOf(bindings, identity),
    rules: tables.rules,
    names: tables.names,
    cidrs: flatten(tables.cidrs, tables.rules),
    upstreams: [...new Set(bindings.flatMap(({ spec }) => spec.dns?.upstreams ?? []))],
  };
  const policy: CompiledPolicy = { ...content, digest: digestOf(content) };
  nameIndexOf(policy).checkLines();
  return policy;
}

function sorted(documents: readonly TorwachtDocument[]): readonly TorwachtDocument[] {
  const titled = documents.map((document) => ({ document, title: documentTitle(document) }));
  titled.sort((a, b) => (a.title < b.title ? -1 : Number(a.title > b.title)));
  return titled.map(({ document }) => document);
}

function isInScope(
  document: TorwachtDocument,
  identity: Identity,
  options: CompileOptions,
): boolean {
  if (options.ignoreNamespaces === true) return true;
  return document.kind === 'RunnerBinding'
    ? governs(document, identity)
    : namespaceOf(document) === identity.namespace;
}

/** All bindings of the target must believe job names, as with modes: the stricter one wins. */
function trustsJobNames(bindings: readonly RunnerBinding[]): boolean {
  return bindings.length > 0 && bindings.every(({ spec }) => spec.trust?.jobNames === true);
}

/** Collects rules and what each of them says. */
class Tables {
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

  name(pattern: NameRule['pattern'], isPrivate: boolean, permissions: readonly Permission[]): void {
    this.names.push({ pattern, private: isPrivate, permissions });
  }
}

interface RuleSource {
  readonly fqdn?: readonly string[] | undefined;
  readonly cidr?: readonly string[] | undefined;
  readonly ports?: readonly Port[] | undefined;
  readonly private?: boolean | undefined;
}

function addPolicy(tables: Tables, policy: EgressPolicy, trusted: boolean): void {
  const { allow, deny, presets: presetNames, selector } = policy.spec;
  for (const [index, rule] of (deny ?? []).entries()) {
    addRule(tables, policy, `deny[${index}]`, 'deny', rule);
  }
  // The author of a job chooses its name: on that alone nothing may be opened.
  if (selector?.jobs !== undefined && !trusted) return;
  for (const [index, rule] of (allow ?? []).entries()) {
    addRule(tables, policy, `allow[${index}]`, 'allow', rule);
  }
  for (const name of new Set(presetNames ?? [])) addPreset(tables, policy, name);
}

const HTTPS: readonly Port[] = [{ port: 443, protocol: 'TCP' }];

function addRule(
  tables: Tables,
  document: TorwachtDocument,
  part: string,
  action: Permission['action'],
  source: RuleSource,
): void {
  const rule = tables.rule(document, part);
  const ports = source.ports ?? (action === 'allow' ? HTTPS : undefined);
  const permissions = permissionsOf(action, rule, ports);
  for (const text of source.fqdn ?? []) {
    const pattern = valid(parseName(text), document, part, text);
    tables.name(pattern, source.private ?? false, permissions);
  }
  for (const text of source.cidr ?? []) {
    tables.cidrs.push({ ...valid(parsePrefix(text), document, part, text), permissions });
  }
}

function addPreset(tables: Tables, policy: EgressPolicy, name: string): void {
  const preset = presets.get(name);
  if (preset === undefined) {
    const refusal = { message: 'is no preset of this version', hint: 'See the list of presets.' };
    throw invalid(policy, 'presets', name, refusal);
  }
  for (const rule of preset.rules) addRule(tables, policy, `preset ${name}`, 'allow', rule);
}

/** What every job of the binding needs: the instance that it clones from and reports to. */
function addGitlab(tables: Tables, binding: RunnerBinding): void {
  const { gitlab } = binding.spec;
  if (gitlab === undefined) return;
  const instance = valid(parseInstanceUrl(gitlab.url), binding, 'gitlab.url', gitlab.url);
  const endpoints = [
    instance,
    ...(gitlab.extraHosts ?? []).map(({ host, port }) => ({
      host: valid(parseHost(host), binding, 'gitlab.extraHosts', host),
      port,
    })),
  ];
  const rule = tables.rule(binding, 'gitlab');
  for (const { host, port } of endpoints) {
    const permissions = permissionsOf('allow', rule, [{ port, protocol: 'TCP' }]);
    if ('name' in host) tables.name(host.name, gitlab.private, permissions);
    else tables.cidrs.push({ address: host.address, length: 32, permissions });
  }
}

function valid<T extends object>(
  result: T | Refusal,
  document: TorwachtDocument,
  field: string,
  text: string,
): T {
  if ('message' in result) throw invalid(document, field, text, result);
  return result;
}

function invalid(document: TorwachtDocument, field: string, text: string, refusal: Refusal) {
  return failure(errors.invalidDocument, {
    document: documentTitle(document),
    field,
    message: `${quoted(text)} ${refusal.message}`,
    hint: refusal.hint,
  });
}

/** Objects are built with the same keys in the same order each time, so their JSON is canonical. */
function digestOf(content: Omit<CompiledPolicy, 'digest'>): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
