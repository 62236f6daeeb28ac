/* SPDX-License-Identifier: MPL-2.0 */
/* What the barrier and the agent have agreed on. A test holds the addresses against bpf/verdict.h. */
#ifndef BAR_PROTOCOL_H
#define BAR_PROTOCOL_H

/* PROTOCOL in agent/engine/attached.ts. This number is accepted, and the one before. */
#ifndef BAR_PROTOCOL
#define BAR_PROTOCOL 1
#endif

/* Host order. */
#define BAR_ADDRESS(a, b, c, d) ((a) << 24 | (b) << 16 | (c) << 8 | (d))

/*
 * Who is asked: any server will do, as port 53 of all of them leads to the agent's resolver, whatever
 * the pod's own DNS settings say. This one is in TEST-NET-1 (RFC 5737), where nobody answers when the pod
 * is not held; a server of the cluster could know a name like ours.
 */
#define BAR_SERVER BAR_ADDRESS(192u, 0u, 2u, 254u)
#define BAR_SERVER_PORT 53

/* The address hooks refuse the first in every mode; the second is left to the packet hook. */
#define BAR_PROBE_OF_ADDRESSES BAR_ADDRESS(192u, 0u, 2u, 252u)
#define BAR_PROBE_OF_PACKETS BAR_ADDRESS(192u, 0u, 2u, 253u)
#define BAR_PROBE_PORT 9	/* discard */

#endif
