/** Errors of the resolver's sockets. */
import type { ErrorSpec } from '#api/error.ts';

export const errors = {
  upstreamAddress: {
    code: 'TW_RESOLVER_UPSTREAM_ADDRESS',
    message: '{text} is not the address of a DNS server.',
    hint: 'Write an IP address, with a port if it is not 53: 192.0.2.53, 192.0.2.53:5353 or [2001:db8::53]:5353.',
    exit: 'policy',
  },
  noUpstream: {
    code: 'TW_RESOLVER_NO_UPSTREAM',
    message: 'No DNS server is known to ask.',
    hint: 'Name one in the RunnerBinding (upstreams), or check the nameserver lines of resolv.conf.',
    exit: 'host',
  },
  noAnswer: {
    code: 'TW_RESOLVER_NO_ANSWER',
    message: 'No DNS server gave a usable answer for {name}; the last one, {server}, {why}.',
    hint: 'Check that the servers can be reached from here and that they resolve this name.',
    exit: 'host',
  },
  busy: {
    code: 'TW_RESOLVER_BUSY',
    message: '{count} look-ups are already waiting for DNS servers.',
    hint: 'The servers are slow or do not answer; check them.',
    exit: 'host',
  },
  closed: {
    code: 'TW_RESOLVER_CLOSED',
    message: 'The look-up of {name} was given up because the resolver was closed.',
    hint: 'Nothing to do if the target was ending.',
    exit: 'host',
  },
  listen: {
    code: 'TW_RESOLVER_LISTEN',
    message: 'The resolver cannot listen by {transport} on {where}.',
    hint: 'See the cause; another program may hold the port.',
    exit: 'host',
  },
} as const satisfies Record<string, ErrorSpec>;
