/** What can go wrong while a lab is made or used, each with what to do next. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  notRoot: {
    code: 'TW_LAB_NOT_ROOT',
    message: 'A lab needs root: it makes network namespaces.',
    hint: 'Run the command again as root.',
    exit: 'privilege',
  },
  command: {
    code: 'TW_LAB_COMMAND',
    message: '{command} failed: {reason}',
    hint: 'Check that iproute2, nftables and util-linux are installed and that this is root.',
    exit: 'host',
  },
  notReady: {
    code: 'TW_LAB_NOT_READY',
    message: 'The server {server} did not start: {reason}',
    hint: 'Check that its program is installed (dnsmasq-base; npm ci for verdaccio).',
    exit: 'host',
  },
  address: {
    code: 'TW_LAB_ADDRESS',
    message: '{address} cannot be an address of the lab: {reason}',
    hint: 'Use addresses of 192.0.2.0/24, 198.51.100.0/24 or 2001:db8::/32, or an incident’s own.',
    exit: 'usage',
  },
  label: {
    code: 'TW_LAB_NAME',
    message: 'The lab name {name} is not 1 to 16 lower-case letters or digits.',
    hint: 'Choose a shorter, simpler name.',
    exit: 'usage',
  },
  outside: {
    code: 'TW_LAB_OUTSIDE',
    message: 'This process is not inside a lab: its network namespace has no link {link}.',
    hint: 'Start the probe with lab.spawn; it must never send to the real network.',
    exit: 'host',
  },
  lock: {
    code: 'TW_LAB_LOCK',
    message: 'Another lab held {path} for too long.',
    hint: 'Wait for the other run, or remove the link when its process is gone.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
