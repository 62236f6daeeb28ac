/** Errors of pins and of what an ended run left. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  mountBpf: {
    code: 'TW_HOST_BPFFS',
    message: 'no BPF file system is mounted, and none could be mounted at {path}: {reason}',
    hint: 'mount it yourself: mount -t bpf bpf {path}; in a container the host has to give CAP_SYS_ADMIN for it',
    exit: 'host',
  },
  stateFolder: {
    code: 'TW_HOST_STATE',
    message: '{path} cannot be used: {reason}',
    hint: 'the folder must belong to root and be writable by nobody else; remove it if it is something else',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
