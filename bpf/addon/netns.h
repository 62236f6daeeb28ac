/* SPDX-License-Identifier: MPL-2.0 */
/* Work in another network namespace, on this thread and for the moment. */
#ifndef TW_NETNS_H
#define TW_NETNS_H

/* Enters the namespace behind `path`; "" is the one we are in. Gives what tw_leave needs, or -errno. */
int tw_enter(const char *path);
void tw_leave(int before);

/* A buffer that holds any message of a netlink dump (the kernel sends 16 KiB at most by default). */
#define TW_NETLINK_ROOM 32768

struct nlmsghdr;

/* A netlink socket; -errno when it cannot be had. */
int tw_netlink(int protocol);

/*
 * Sends a request and calls `each` for every message of the answer, until its end. `each` may stop it
 * with a negative errno. Returns 0 or -errno.
 */
int tw_netlink_dump(int fd, struct nlmsghdr *request, int (*each)(const struct nlmsghdr *, void *),
		    void *context);

/*
 * The same for the namespace that we are in: all links (RTM_GETLINK), or the one of an index other than 0; or all
 * addresses of a family (RTM_GETADDR).
 */
int tw_route_list(int type, int family, int index, int (*each)(const struct nlmsghdr *, void *),
		  void *context);

#endif
