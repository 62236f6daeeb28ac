/* SPDX-License-Identifier: MPL-2.0 */
/* Every branch that is counted, with its name, and the counts. The reasons stand in the order of enum tw_reason. */
#ifndef TW_BRANCH_LIST_H
#define TW_BRANCH_LIST_H

#include "layout.h"

#define TW_BRANCH_LIST(B)                                                        \
	B(WAY_CACHED, "packet: by the socket's cached verdict")                  \
	B(WAY_SHORT, "packet: the short way, by a learned address")              \
	B(WAY_DIRECT, "packet: the same without a call")                         \
	B(WAY_WHOLE, "packet: the whole way")                                    \
	B(SOCKET_NEW, "packet: of no socket, or one that no hook saw")           \
	B(TARGET_SOCKET, "target: by the socket")                                \
	B(TARGET_CGROUP, "target: by the cgroup")                                \
	B(TARGET_NONE, "target: unknown")                                        \
	B(CACHE_EMPTY, "cache: no verdict yet")                                  \
	B(CACHE_FORM, "cache: not asked, no plain packet")                       \
	B(CACHE_PROTOCOL, "cache: another protocol")                             \
	B(CACHE_ADDRESS, "cache: another address")                               \
	B(CACHE_PORT, "cache: another port")                                     \
	B(CACHE_STALE, "cache: the policy has changed")                          \
	B(CACHE_EXPIRED, "cache: expired")                                       \
	B(CACHE_OBSERVED, "cache: holds, refused and observed")                  \
	B(CACHE_ALWAYS, "cache: holds without end")                              \
	B(CACHE_FRESH, "cache: holds, not yet expired")                          \
	B(CACHE_OPEN, "cache: holds, open connection before its expiry")         \
	B(CACHE_OUTLIVED, "cache: holds, open connection after its expiry")      \
	B(ADDRESS_REDIRECT, "connect: port 53, redirected")                      \
	B(ADDRESS_PROBE, "connect: the barrier's probe of packets")              \
	B(ADDRESS_DNS, "connect: port 53, left to nftables")                     \
	B(ADDRESS_OWN_LOOPBACK, "connect: loopback of an own namespace")         \
	B(ADDRESS_OWN, "connect: another address of an own namespace")           \
	B(ADDRESS_LOOPBACK, "connect: loopback, own listener or none")           \
	B(ADDRESS_FOREIGN, "connect: loopback, someone else's listener")         \
	B(ADDRESS_CACHED, "connect: cached verdict holds")                       \
	B(ADDRESS_ASKED, "connect: asked")                                       \
	B(ADDRESS_LISTENER, "connect: asked, refused, an own listener there")      \
	B(PEER_NAMESPACE, "loopback packet: in an own namespace")                \
	B(PEER_OWN, "loopback packet: to the target, or to nobody")              \
	B(PEER_FOREIGN, "loopback packet: to someone else")                      \
	B(OWN_RESOLVER, "loopback packet: to the resolver of an own namespace")  \
	B(NESTED_QUERY, "packet: a nested container's query, within the budget") \
	B(NESTED_BEYOND, "packet: a nested container's query, beyond it")        \
	B(INNER, "packet: refused, but on a link that does not lead out")        \
	B(FRAME_INNER, "frame: not at a link of a target")                       \
	B(FRAME_ARP, "frame: ARP")                                               \
	B(FRAME_OTHER, "frame: neither IPv4 nor ARP")                            \
	B(FRAME_JUDGED, "frame: the packet hook has decided")                    \
	B(FRAME_SOCKET, "frame: of a socket, not yet decided")                   \
	B(FRAME_KERNEL, "frame: the kernel's own, for a connection that is gone") \
	B(FRAME_FLOW, "frame: of no socket, a flow goes on")                     \
	B(FRAME_NEW, "frame: of no socket, something new")                       \
	B(PASSES, "verdict: allows")                                             \
	B(OBSERVED, "verdict: refuses, and Observe lets pass")                   \
	B(REFUSED, "verdict: refuses")                                           \
	B(CIDR_ABSENT, "prefixes: none holds the address")                       \
	B(CIDR_NONE, "prefixes: no line matches")                                \
	B(CIDR_DENY, "prefixes: a line denies")                                  \
	B(CIDR_ALLOW, "prefixes: a line allows")                                 \
	B(NAME_ABSENT, "socket's name: none")                                    \
	B(NAME_FRESH, "socket's name: not asked, something new is opened")       \
	B(NAME_ALLOW, "socket's name: still allows")                             \
	B(NAME_GONE, "socket's name: allows no longer")                          \
	B(SCORE_NOTHING, "names: none for the address")                          \
	B(SCORE_UNLISTED, "names: at best one without rules")                    \
	B(SCORE_EXPIRED, "names: at best one that has expired")                  \
	B(SCORE_PORT, "names: at best one for other ports")                      \
	B(SCORE_DENY, "names: at best one that is denied")                       \
	B(SCORE_ALLOW, "names: one allows")                                      \
	B(REASON_LOCAL, "reason: local")                                         \
	B(REASON_RESOLVER, "reason: resolver")                                   \
	B(REASON_NAME, "reason: name")                                           \
	B(REASON_CIDR, "reason: cidr")                                           \
	B(REASON_DEFAULT, "reason: default")                                     \
	B(REASON_DENY_RULE, "reason: deny-rule")                                 \
	B(REASON_EXPIRED, "reason: expired")                                     \
	B(REASON_PORT, "reason: port")                                           \
	B(REASON_LOCAL_SERVICE, "reason: local-service")                         \
	B(REASON_DNS_SERVER, "reason: dns-server")                               \
	B(REASON_DOT, "reason: dot")                                             \
	B(REASON_DOH, "reason: doh")                                             \
	B(REASON_METADATA, "reason: metadata")                                   \
	B(REASON_IPV6, "reason: ipv6")                                           \
	B(REASON_ICMP, "reason: icmp")                                           \
	B(REASON_PROTOCOL, "reason: protocol")                                   \
	B(REASON_FRAGMENT, "reason: fragment")                                   \
	B(REASON_IP_OPTIONS, "reason: ip-options")                               \
	B(REASON_MULTICAST, "reason: multicast")                                 \
	B(REASON_MALFORMED, "reason: malformed")                                 \
	B(REASON_DNS_BUDGET, "reason: dns-budget")                               \
	B(REASON_PROBE, "reason: probe")

enum tw_branch {
#define TW_BRANCH_ENUM(id, text) TW_BRANCH_##id,
	TW_BRANCH_LIST(TW_BRANCH_ENUM)
	TW_BRANCHES,
};

static const char *const tw_branch_texts[] = {
#define TW_BRANCH_TEXT(id, text) text,
	TW_BRANCH_LIST(TW_BRANCH_TEXT)
};

static __u64 tw_branch_counts[TW_BRANCHES];

static void tw_took(int branch)
{
	tw_branch_counts[branch]++;
}

static void tw_took_reason(__u8 reason)
{
	/* A packet of no target has no verdict, so its reason is in the way of the one behind it. */
	tw_took(reason == TW_PROBE ? TW_BRANCH_REASON_PROBE : TW_BRANCH_REASON_LOCAL + reason - TW_LOCAL);
}

#endif
