/* SPDX-License-Identifier: MPL-2.0 */
/* Links as the kernel tells of them, and those of this machine that are kept in mind. */
#ifndef TW_INTERFACES_H
#define TW_INTERFACES_H

#include <net/if.h>
#include <stdint.h>

struct nlmsghdr;
struct tw_host_links;

#define TW_NO_NSID -1

struct tw_interface {
	int index;
	int peer;		/* IFLA_LINK: index of the other end, in its own namespace; 0: none */
	int nsid;		/* the other end's namespace, as ours calls it; TW_NO_NSID */
	int end;		/* index in our namespace of the other end, where that is known; 0 */
	char name[IF_NAMESIZE];
	char kind[16];		/* `veth`, `bridge`, …; empty for loopback and hardware */
};

/* A message of type RTM_NEWLINK or RTM_DELLINK. */
void tw_read_link(const struct nlmsghdr *message, struct tw_interface *link);

/* host-links.c; the owner counts: a job holds them until it is settled. */
struct tw_host_links *tw_host_links_hold(struct tw_host_links *links);
void tw_host_links_release(struct tw_host_links *links);
/*
 * Finds our ends of the links of another namespace, given their indexes: sets kind, peer and end of each but
 * loopback. Returns how many were not found, or -errno.
 */
int tw_host_links_find(struct tw_host_links *links, const char *netns, struct tw_interface *theirs,
		       uint32_t count);

#endif
