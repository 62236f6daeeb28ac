/** Policy documents for tests, short to write: compiled the way `torwacht run` compiles a file. */
import { compile } from '#policy/compile.ts';
import { parsePolicies } from '#policy/load.ts';
import type { CompiledPolicy } from '#policy/types.ts';

export interface Rules {
  /** Name or pattern, with its ports: `443`, `53/UDP`, `8000-8010`. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  readonly prefixes?: Readonly<Record<string, readonly string[]>>;
  /** Names and prefixes that are denied, on every port. */
  readonly deny?: readonly string[];
  readonly observe?: boolean;
}

export function compileRules(rules: Rules): CompiledPolicy {
  const allow = [
    ...Object.entries(rules.names ?? {}).map(([name, ports]) => ({ fqdn: [name], ports })),
    ...Object.entries(rules.prefixes ?? {}).map(([prefix, ports]) => ({ cidr: [prefix], ports })),
  ].map((rule) => ({ ...rule, ports: rule.ports.map(readPort) }));
  const deny = (rules.deny ?? []).map((where) =>
    where.includes('/') ? { cidr: [where] } : { fqdn: [where] },
  );
  const document = {
    apiVersion: 'torwacht.io/v1alpha1',
    kind: 'EgressPolicy',
    metadata: { name: 'test' },
    spec: { allow, deny },
  };
  const content = Buffer.from(JSON.stringify(document));
  const { documents, problems } = parsePolicies([{ file: 'test.yaml', content }]);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const identity = { namespace: 'default' };
  const policy = compile(documents, identity, { ignoreNamespaces: true, trustIdentity: true });
  return { ...policy, mode: rules.observe === true ? 'Observe' : 'Block' };
}

function readPort(text: string) {
  const [ports = '', protocol = 'TCP'] = text.split('/');
  const [from, to = from] = ports.split('-').map(Number);
  return { port: from, endPort: to, protocol };
}
