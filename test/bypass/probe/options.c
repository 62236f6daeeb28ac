/* SPDX-License-Identifier: MPL-2.0 */
/* Socket options that a filter may trust, by the names that steps use. */
#include "probe.h"

#include <linux/filter.h>
#include <netinet/ip.h>
#include <stdlib.h>

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* Source routes: length, pointer, then the addresses on the way (RFC 791, 3.1). */
static int set_route(int fd, unsigned char kind, const char *through)
{
	unsigned char bytes[8] = { IPOPT_NOP, kind, 7, 4 };
	union address hop;

	read_address(through, "0", &hop);
	memcpy(bytes + 4, &hop.v4.sin_addr, 4);
	return setsockopt(fd, IPPROTO_IP, IP_OPTIONS, bytes, sizeof(bytes));
}

static int set_nops(int fd)
{
	unsigned char nops[4] = { IPOPT_NOP, IPOPT_NOP, IPOPT_NOP, IPOPT_NOP };

	return setsockopt(fd, IPPROTO_IP, IP_OPTIONS, nops, sizeof(nops));
}

/* Every packet to the first socket of the group that shares the port (socket(7), SO_ATTACH_REUSEPORT_CBPF). */
static int steer_to_first(int fd)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { .len = 1, .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}

int set_option(int fd, const char *text)
{
	const char *value = strchr(text, '=');

	value = value ? value + 1 : "";
	if (!strncmp(text, "mark=", 5))
		return set_number(fd, SOL_SOCKET, SO_MARK, (int)strtoul(value, NULL, 0));
	if (!strncmp(text, "device=", 7))
		return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, value, (socklen_t)strlen(value));
	if (!strcmp(text, "transparent"))
		return set_number(fd, IPPROTO_IP, IP_TRANSPARENT, 1);
	if (!strcmp(text, "freebind"))
		return set_number(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (!strcmp(text, "reuseport"))
		return set_number(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (!strcmp(text, "steer"))
		return steer_to_first(fd);
	if (!strcmp(text, "broadcast"))
		return set_number(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (!strcmp(text, "dontroute"))
		return set_number(fd, SOL_SOCKET, SO_DONTROUTE, 1);
	if (!strcmp(text, "priority"))
		return set_number(fd, SOL_SOCKET, SO_PRIORITY, 6);
	if (!strcmp(text, "nops"))
		return set_nops(fd);
	if (!strncmp(text, "loose-route=", 12))
		return set_route(fd, IPOPT_LSRR, value);
	if (!strncmp(text, "strict-route=", 13))
		return set_route(fd, IPOPT_SSRR, value);
	errno = EINVAL;
	return -1;
}
