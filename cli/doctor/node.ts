/** What a host's facts mean for holding jobs: a function of the facts. */
import { TorwachtError } from '#api/error.ts';
import { optionalParts } from '#bpf/programs.ts';
import { type Finding, fail, pass, warn } from '../findings.ts';
import type { Capability } from '../sandbox/capabilities.ts';
import { type NodeFacts, type Use, uses } from './node-facts.ts';

type Check = (facts: NodeFacts, missing: Missing) => Finding | readonly Finding[];
/** What is missing: as bad as the use that is asked about makes it. */
type Missing = (check: string, sentence: string, hint: string) => Finding;

const ofAny: readonly Check[] = [privilege, btf, programs, cgroups, tagged, lsm];
const ofUse: Readonly<Record<Use, readonly Check[]>> = {
  agent: [bpfFileSystem, containerd, nftables],
  run: [bubblewrap, userNamespaces],
};

/** @param use null: both, and then what only one of them needs is a warning */
export function nodeFindings(facts: NodeFacts, use: Use | null): readonly Finding[] {
  const checks = [...ofAny, ...(use === null ? uses : [use]).flatMap((one) => ofUse[one])];
  const missing = use === null ? warn : fail;
  return checks.flatMap((check) => check(facts, missing));
}

function refused(check: string, error: TorwachtError, level = fail): Finding {
  const [first = '', ...rest] = error.message.split('\n');
  const hint = [...rest, ...error.hint.split('\n')].filter((line) => line.trim() !== '').join(' ');
  return level(check, `${first} [${error.code}]`, hint);
}

/** What an agent's container has as well (docs/agent.md). */
const needed: readonly Capability[] = ['SYS_ADMIN', 'NET_ADMIN', 'SYS_PTRACE'];
const AS_ROOT = 'Run it as root: `sudo torwacht doctor`.';

function privilege({ root, capabilities }: NodeFacts): Finding {
  if (!root) {
    return warn(
      'privilege',
      'it does not run as root: what only root can try is not known',
      AS_ROOT,
    );
  }
  const lacks = needed.filter((name) => !capabilities.has(name));
  if (lacks.length === 0) return pass('privilege', `root, with ${needed.join(', ')}`);
  return fail(
    'privilege',
    `root without ${lacks.join(', ')}`,
    'A container has fewer rights than its host: run it on the host, or give the container these.',
  );
}

function btf({ btf: found }: NodeFacts): Finding {
  if (found instanceof TorwachtError) return refused('btf', found);
  return pass('btf', 'the kernel has type information (BTF)');
}

function programs({ kernel, programs: found }: NodeFacts): readonly Finding[] {
  if (found === null) {
    return [warn('kernel', `Linux ${kernel}: programs were not loaded`, AS_ROOT)];
  }
  if (found instanceof TorwachtError) return [refused('kernel', found)];
  const lost = [...found].map((part) =>
    warn(
      `kernel.${part}`,
      `Linux ${kernel} lacks the part ${part}: ${optionalParts[part].lost}`,
      'docs/kernels.md says since which version it is there.',
    ),
  );
  return [pass('kernel', `Linux ${kernel} takes every program that holds something`), ...lost];
}

function cgroups({ cgroup2, cgroup1 }: NodeFacts): Finding {
  if (cgroup2 instanceof TorwachtError) return refused('cgroup', cgroup2);
  if (cgroup2 === null || cgroup2.options.includes('ro')) {
    return fail(
      'cgroup',
      `the cgroup2 file system at ${cgroup2?.path ?? '/sys/fs/cgroup'} is read-only`,
      'Run on the host itself, or give the container a writable cgroup2 mount.',
    );
  }
  const mode = cgroup1 ? 'beside cgroup v1 (hybrid)' : 'alone';
  return pass('cgroup', `cgroup2 is mounted at ${cgroup2.path}, ${mode}`);
}

function tagged({ tagged: found }: NodeFacts): readonly Finding[] {
  return found instanceof TorwachtError ? [refused('cgroup.tags', found)] : [];
}

/** `torwacht run` mounts one where there is none; what an agent would mount ends with its container. */
function bpfFileSystem({ bpffs }: NodeFacts, missing: Missing): Finding {
  if (bpffs !== undefined) return pass('bpffs', `a BPF file system is mounted at ${bpffs}`);
  return missing(
    'bpffs',
    'no BPF file system is mounted: torwacht run mounts one, an agent needs that of the node',
    'On a node: mount -t bpf bpf /sys/fs/bpf, or let systemd do it, as it does by itself.',
  );
}

function lsm({ lsm: active }: NodeFacts): Finding {
  if (active?.includes('bpf')) return pass('lsm', 'the BPF security module is active');
  const state = active === null ? 'it is not known whether it is' : `active: ${active.join(', ')}`;
  return warn(
    'lsm',
    `the BPF security module is not active (${state}); egress is held without it`,
    'Guards of files and process memory would need it: CONFIG_BPF_LSM, and bpf among lsm= on the kernel’s command line.',
  );
}

function containerd(facts: NodeFacts, missing: Missing): readonly Finding[] {
  const { found, socket } = facts.containerd;
  const others = facts.otherRuntimes.map((path) =>
    warn('runtime.other', `containers of the runtime at ${path} are not followed`, ONLY_CONTAINERD),
  );
  if ('version' in found) {
    return [pass('runtime', `containerd ${found.version} answers at ${socket}`), ...others];
  }
  const finding =
    'missing' in found
      ? missing('runtime', `no containerd listens at ${socket}: no pod can be held`, SOCKET)
      : missing('runtime', `containerd does not answer at ${socket}: ${found.refused}`, SOCKET);
  return [finding, ...others];
}

const ONLY_CONTAINERD =
  'An agent holds pods of containerd; commands of others run under torwacht run.';
const SOCKET =
  'Look whether it runs, and name its socket with --containerd; k3s has it below /run/k3s.';

function nftables({ nftables: found }: NodeFacts, missing: Missing): Finding {
  if (found === true) {
    return pass('nftables', 'nftables leads port 53 of a network namespace to a resolver');
  }
  if (found instanceof TorwachtError) return refused('nftables', found, missing);
  return warn('nftables', 'nftables was not tried', AS_ROOT);
}

function bubblewrap({ bubblewrap: found }: NodeFacts, missing: Missing): Finding {
  if (found === true) return pass('bubblewrap', 'bubblewrap makes sandboxes');
  if (found instanceof TorwachtError) return refused('bubblewrap', found, missing);
  return missing(
    'bubblewrap',
    `bubblewrap makes no sandbox: ${found?.refused ?? 'it was not tried'}`,
    'As root it needs the right to make namespaces and mounts, which a container often has not.',
  );
}

function userNamespaces({ userNamespacesRestricted }: NodeFacts): Finding {
  if (!userNamespacesRestricted) {
    return pass('userns', 'AppArmor does not restrict user namespaces of ordinary users');
  }
  return warn(
    'userns',
    'AppArmor keeps ordinary users from making user namespaces: with --allow-user-namespaces, rootless containers and browsers’ own sandboxes fail all the same',
    'Give that program an AppArmor profile with userns, or set kernel.apparmor_restrict_unprivileged_userns=0.',
  );
}
