/** Errors of loading and attaching programs. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  notBuilt: {
    code: 'TW_BPF_NOT_BUILT',
    message: 'the native part is missing: {path}',
    hint: 'run `make` in the checkout first',
    exit: 'host',
  },
  wrongAddon: {
    code: 'TW_BPF_ADDON',
    message: 'the native part cannot be loaded: {reason}',
    hint: 'run `make clean all`; it needs libbpf 1.x, libseccomp and Node.js 24',
    exit: 'host',
  },
  noBtf: {
    code: 'TW_BPF_NO_BTF',
    message: 'this kernel has no type information (BTF) at {path}',
    hint: 'use a kernel built with CONFIG_DEBUG_INFO_BTF=y; those of Debian 11, Ubuntu 20.10 and newer are',
    exit: 'host',
  },
  refused: {
    code: 'TW_BPF_REFUSED',
    message: 'the kernel ({kernel}) refused our programs: {reason}',
    hint: 'Torwacht needs Linux 5.8 or newer with CONFIG_CGROUP_BPF and the rights of root; details:\n{log}',
    exit: 'host',
  },
  attach: {
    code: 'TW_BPF_ATTACH',
    message: '{program} cannot be attached to {cgroup}: {reason}',
    hint: 'Torwacht needs Linux 5.8 or newer with CONFIG_CGROUP_BPF; another program may hold the cgroup without sharing it',
    exit: 'host',
  },
  pinsTaken: {
    code: 'TW_BPF_PINS_TAKEN',
    message: 'another agent holds the pods of this node: {folder} is its',
    hint: 'one agent runs on a node; end the other one first, what it attached stays',
    exit: 'host',
  },
  learnedFull: {
    code: 'TW_BPF_LEARNED_FULL',
    message: 'there is no room for another address from DNS',
    hint: 'the lookup fails; jobs on this host hold more addresses at once than are kept',
    exit: 'host',
  },
  tooManyNames: {
    code: 'TW_BPF_NAMES',
    message: 'there is no room for another name (number {name})',
    hint: 'the lookup fails; jobs on this host have asked for more different names than are kept',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
