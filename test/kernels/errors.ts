/** What can go wrong while another kernel is fetched or booted, each with what to do next. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  noMirror: {
    code: 'TW_KERNELS_NO_MIRROR',
    message: "apt on this host names no {label} archive to get {suite}'s kernel from.",
    hint: 'Name one: {variable}=<the address that ends in /debian or /ubuntu>.',
    exit: 'host',
  },
  unavailable: {
    code: 'TW_KERNELS_UNAVAILABLE',
    message: 'The kernel of {suite} cannot be had: {reason}',
    hint: 'It is tested, never skipped. Look whether the mirror has the suite, or name another by TORWACHT_DEBIAN_MIRROR (for focal TORWACHT_UBUNTU_MIRROR).',
    exit: 'host',
  },
  unpack: {
    code: 'TW_KERNELS_UNPACK',
    message: "{command} failed on {suite}'s kernel: {reason}",
    hint: 'Remove its folder below build/kernels and try again.',
    exit: 'host',
  },
  systemd: {
    code: 'TW_KERNELS_SYSTEMD',
    message: "systemd of this host's suite cannot be had: {reason}",
    hint: 'Look whether apt-get update works on this host.',
    exit: 'host',
  },
  boot: {
    code: 'TW_KERNELS_BOOT',
    message: 'The virtual machine with {kernel} {what}. Its last words:\n{console}',
    hint: 'Its whole console is in {log}.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
