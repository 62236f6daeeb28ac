/** Policies as the projects that were hit would have had them. */
import { presets } from '#policy/presets.ts';
import type { PolicySpec } from '../e2e/stage.ts';
import type { PolicyName } from './incident.ts';

const everyday = ['gitlab-com', 'npm', 'pypi'] as const;

export const policies: Readonly<Record<PolicyName, { told: string; spec: PolicySpec }>> = {
  gitlab: { told: 'gitlab-com, npm, pypi', spec: { presets: everyday } },
  github: { told: 'and github-read', spec: { presets: [...everyday, 'github-read'] } },
  githubApi: {
    told: 'and github-read, api.github.com',
    spec: { presets: [...everyday, 'github-read'], allow: [{ fqdn: ['api.github.com'] }] },
  },
  ai: {
    told: 'and api.anthropic.com',
    spec: { presets: everyday, allow: [{ fqdn: ['api.anthropic.com'] }] },
  },
};

/** The exact names of a preset; wildcards are left out. @throws when there is no such preset */
export function namesOf(preset: string): readonly string[] {
  const found = presets.get(preset);
  if (found === undefined) throw new Error(`there is no preset ${preset}`);
  return found.rules.flatMap(({ fqdn }) => fqdn).filter((name) => !name.startsWith('*'));
}

/** Every exact name that a policy allows. */
export function namesAllowedBy({ presets: named = [], allow = [] }: PolicySpec): readonly string[] {
  return [...named.flatMap(namesOf), ...allow.flatMap(({ fqdn = [] }) => fqdn)];
}

const [npm = '', pypi = '', pypiFiles = ''] = [...namesOf('npm'), ...namesOf('pypi')];

/** Where packages come from: the presets are the only place that knows the hosts. */
export const hosts = { npm, pypi, pypiFiles } as const;
