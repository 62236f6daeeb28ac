/** Rights of containers, ephemeral ones too. */
import { quoted } from '#policy/problem.ts';
import { type Asked, allowedCapabilities, containersOf, excepted } from '../asked.ts';
import type { Container } from '../pod.ts';
import { named, PLATFORM, type Rule } from './rule.ts';

const privileged: Rule = {
  code: 'TW_ADMIT_PRIVILEGED',
  phases: ['create', 'ephemeral'],
  refuses(asked) {
    if (excepted(asked, 'Privileged')) return null;
    const bad = containersOf(asked.request).find(hasTheNode);
    return bad === undefined ? null : `${named(bad.name)} is privileged`;
  },
  sentence: 'a container is privileged, or has an unmasked /proc',
  hint: `Images can be built without: kaniko or buildah in place of a privileged Docker. If this job must be, ${PLATFORM} decides it (spec.guard.exceptions: Privileged).`,
  cel: "'Privileged' in variables.exceptions || variables.containers.all(c, !c.?securityContext.?privileged.orValue(false) && c.?securityContext.?procMount.orValue('Default') == 'Default')",
};

function hasTheNode({ securityContext }: Container): boolean {
  return (
    securityContext?.privileged === true || (securityContext?.procMount ?? 'Default') !== 'Default'
  );
}

const isPrivileged = ({ securityContext }: Container) => securityContext?.privileged === true;

const added: Rule = {
  code: 'TW_ADMIT_CAPABILITY',
  phases: ['create', 'ephemeral'],
  refuses(asked) {
    if (excepted(asked, 'AnyCapability')) return null;
    const allowed = allowedCapabilities(asked.binding);
    for (const { name, securityContext } of containersOf(asked.request)) {
      const bad = (securityContext?.capabilities?.add ?? []).find((one) => !allowed.includes(one));
      if (bad !== undefined) return `${named(name)} adds the capability ${quoted(bad)}`;
    }
    return null;
  },
  sentence: 'a container adds a capability that the RunnerBinding does not allow',
  hint: `Leave it away. If this job must have it, ${PLATFORM} decides it (spec.guard.capabilities of the RunnerBinding).`,
  cel: "'AnyCapability' in variables.exceptions || variables.containers.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(a, a in variables.capabilities))",
};

/** Packet sockets are not seen by the hooks on sockets, and containers have NET_RAW unless they drop it. */
const netRaw: Rule = {
  code: 'TW_ADMIT_NET_RAW',
  phases: ['create', 'ephemeral'],
  refuses(asked) {
    if (excepted(asked, 'AnyCapability')) return null;
    if (allowedCapabilities(asked.binding).includes('NET_RAW')) return null;
    const bad = containersOf(asked.request).find(
      (container) => !isPrivileged(container) && !dropsNetRaw(container),
    );
    return bad === undefined ? null : `${named(bad.name)} keeps the capability NET_RAW`;
  },
  sentence: 'a container keeps the capability NET_RAW',
  hint: `GitLab Runner drops it unless cap_add says otherwise: ${PLATFORM} looks at cap_add and cap_drop. In a pod of your own, write securityContext.capabilities.drop: [NET_RAW].`,
  cel: "'AnyCapability' in variables.exceptions || 'NET_RAW' in variables.capabilities || variables.containers.all(c, c.?securityContext.?privileged.orValue(false) || c.?securityContext.?capabilities.?drop.orValue([]).exists(d, d in ['NET_RAW', 'ALL']))",
};

function dropsNetRaw({ securityContext }: Container): boolean {
  const drop = securityContext?.capabilities?.drop ?? [];
  return drop.includes('NET_RAW') || drop.includes('ALL');
}

const seccomp: Rule = {
  code: 'TW_ADMIT_SECCOMP',
  phases: ['create', 'ephemeral'],
  refuses(asked) {
    if (excepted(asked, 'AnySeccomp')) return null;
    const bad = containersOf(asked.request).find((container) => !isConfined(container, asked));
    return bad === undefined
      ? null
      : `${named(bad.name)} runs without the container runtime's seccomp profile`;
  },
  sentence: "a container runs without the container runtime's seccomp profile",
  hint: `Nothing in .gitlab-ci.yml mends this: ${PLATFORM} adds securityContext.seccompProfile.type RuntimeDefault to the runner's pod_spec patch (docs/admission.md).`,
  cel:
    "'AnySeccomp' in variables.exceptions || variables.containers.all(c, c.?securityContext.?privileged.orValue(false) || (" +
    'c.?securityContext.?seccompProfile.or(object.spec.?securityContext.?seccompProfile).hasValue() ? ' +
    '[c.?securityContext.?seccompProfile.or(object.spec.?securityContext.?seccompProfile).value()].all(s, ' +
    "s.type == 'RuntimeDefault' || (s.type == 'Localhost' && s.?localhostProfile.orValue('') in params.spec.?guard.?seccompProfiles.orValue([]))) : " +
    'params.spec.?guard.?seccompByDefault.orValue(false)))',
};

function isConfined(container: Container, { request, binding }: Asked): boolean {
  if (!('pod' in request) || isPrivileged(container)) return true;
  const guard = binding.spec.guard ?? {};
  const profile =
    container.securityContext?.seccompProfile ?? request.pod.spec.securityContext?.seccompProfile;
  if (profile === undefined) return guard.seccompByDefault === true;
  return (
    profile.type === 'RuntimeDefault' ||
    (profile.type === 'Localhost' &&
      (guard.seccompProfiles ?? []).includes(profile.localhostProfile ?? ''))
  );
}

export const containerRules: readonly Rule[] = [privileged, added, netRaw, seccomp];
