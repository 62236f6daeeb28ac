/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The shapes that user space and the kernel share: map keys and values, and events of the ring buffer.
 * bpf/layout.ts describes the same; a test compares the two through the objects' BTF.
 *
 * Addresses are 32-bit numbers in host order, ports too, unless a name ends in _be. A tick is 16 jiffies
 * (16 to 160 ms, as the kernel's HZ is); 32 bits of them wrap after two years of uptime or more.
 */
#ifndef TW_LAYOUT_H
#define TW_LAYOUT_H

/* Names the folder of pins: bump when the tree of pins itself is another. */
#define TW_SCHEMA 1
/*
 * Bump when an element of a map means something else in the same shape (another shape is found out): then
 * an agent does not go on with the maps of the one before, but fills new ones from them by fields' names.
 */
#define TW_MEANING 1

#define TW_TICK_SHIFT 4
#define TW_MAX_TARGETS 1024
#define TW_MAX_LEVELS 16	/* cgroup depth at which a target can lie */
#define TW_MAX_LINES 16		/* MAX_PERMISSIONS in policy/types.ts */
#define TW_MAX_NAMES 7		/* names that share one learned address: with it, a line of the cache */
#define TW_MAX_ANCESTORS 8
#define TW_COMM 16
#define TW_EXE 128
#define TW_ARGV 128
#define TW_PART 96		/* cri-containerd-<64 digits>.scope, and some to spare */

/* enum values are indexes of `reasons` in api/event.ts */
enum tw_reason {
	TW_NONE,
	TW_LOCAL,
	TW_RESOLVER,
	TW_NAME,
	TW_CIDR,
	TW_DEFAULT,
	TW_DENY_RULE,
	TW_EXPIRED,
	TW_PORT,
	TW_LOCAL_SERVICE,
	TW_DNS_SERVER,
	TW_DOT,
	TW_DOH,
	TW_METADATA,
	TW_IPV6,
	TW_ICMP,
	TW_PROTOCOL,
	TW_FRAGMENT,
	TW_IP_OPTIONS,
	TW_MULTICAST,
	TW_MALFORMED,
	TW_DNS_BUDGET,
	TW_NO_TARGET,
	TW_PROBE,
};

enum tw_target_flags {
	TW_OWN_NETNS = 1,	/* the network namespace is the target's own: loopback is its */
	TW_REDIRECT = 2,	/* address hooks send port 53 to the resolver */
	TW_BACKSTOP = 4,	/* hooks/backstop.c judges whatever leaves by an uplink */
};

#define TW_MAX_UPLINKS 4
#define TW_MAX_OWN 4

/* Written whole before the target's cgroup id is published in `cgroups`; never changed after. */
struct tw_target {
	__u64 cgroup_id;
	__u32 id;		/* unique, never used again, not 0 */
	__u32 level;		/* depth of the cgroup, the root being 0 */
	__u32 flags;
	__u32 resolver_addr;
	__u32 resolver_port;
	__u32 mark;		/* put on packets to the resolver; its sockets accept no other */
	__u32 row_budget;	/* evidence rows this target may hold: of refusals, and as many of the rest */
	__u32 query_interval;	/* ns that one packet to the resolver costs */
	__u64 query_burst;	/* ns of credit */
	/* TW_OWN_NETNS, as the namespace was when it was taken: what leads out of it, and its addresses. */
	__u32 uplink[TW_MAX_UPLINKS];
	__u32 own[TW_MAX_OWN];
};

/*
 * The mutable part of a target is one word, so that a policy changes at once for every packet:
 * the number of its rule table, unique and never used again, and flags. 0: nothing in force.
 */
#define TW_POLICY_TABLE(word) ((__u32)((word) >> 32))
enum tw_policy_flags {
	TW_OBSERVE = 1,
	TW_DENY_CIDR = 2,	/* some prefix has a deny line: look before learned addresses */
};

/* What changes often beside the policy; one per target slot. */
struct tw_account {
	__u64 query_time;	/* GCRA: theoretical arrival time of the next query, boot ns */
	__u64 overflow;		/* refusals beyond the row budget, counted exactly */
	__u64 allowed_overflow;	/* the same of what was allowed */
	__u32 rows;
	__u32 allowed_rows;
};

struct tw_line {
	__u16 from;
	__u16 to;
	__u8 proto;		/* 0: any */
	__u8 deny;
	__u16 rule;
};

struct tw_lines {
	__u32 table;		/* they hold under this rule table only */
	__u32 count;
	struct tw_line line[TW_MAX_LINES];
};

/*
 * What a name may reach. Rule tables of one target are odd and even in turn, so the next one is
 * written beside the one in force, and what is older is void by its number.
 */
struct tw_name {
	struct tw_lines version[2];
};

/* What user space must know again when it starts anew; no program reads these. */
#define TW_NAME_TEXT 254

struct tw_name_text {
	__u32 target;
	__u8 refused;		/* of answers that Block would refuse: no rule allows its addresses */
	__u8 length;		/* 0: the text has no room here, and only the number is taken */
	char text[TW_NAME_TEXT];
};

/* One per target slot. */
struct tw_kept {
	__u32 table;		/* the table that holds what `digest` says */
	__u32 engaged;		/* port 53 was led to the resolver, and older flows forgotten */
	__u64 overflow;		/* refusals beyond the row budget in maps of another layout before these */
	__u8 digest[32];	/* of the compiled policy */
};

/* The last numbers that were given; they are never given again. In element 0 of `numbers`. */
struct tw_numbers {
	__u32 table;
	__u32 target;
};

struct tw_cidr_key {
	__u32 prefix;		/* 32 + length of the address prefix */
	__u32 table;
	__u32 addr_be;
};

struct tw_learned_name {
	__u32 name;		/* 0: free */
	__u32 expires;		/* tick from which it refuses new connections */
};

/*
 * One element of a hash table that lies in an array, because an array is read without a call and a
 * hash map is not: open addressing, linear probing, written by user space alone (bpf/learned-table.ts).
 */
#define TW_PROBES 16
#define TW_LEARNED_FREE 0	/* nothing was ever here: a search ends */
#define TW_LEARNED_GONE 1	/* something was: a search goes on */
struct tw_learned {
	__u64 key;		/* id of the target << 32 | address */
	struct tw_learned_name slot[TW_MAX_NAMES];
};

/* How to find an element. */
struct tw_hashing {
	__u64 seed;		/* unguessable: nobody makes others' addresses collide */
	__u32 mask;		/* elements - 1, a power of two less one */
	__u32 _pad;
};

struct tw_ancestor {
	__u32 pid;
	char comm[TW_COMM];
};

struct tw_process {
	__u64 start;		/* CLOCK_BOOTTIME ns at which the process began; with pid its identity */
	__u32 pid;
	__u32 uid;
	__u64 exe_inode;
	__u32 exe_device;
	__u32 ancestors;	/* how many of ancestor[] are set, the parent first */
	__u64 part;		/* key of `parts`; 0: its cgroup is the target's own */
	char comm[TW_COMM];
	struct tw_ancestor ancestor[TW_MAX_ANCESTORS];
	char exe[TW_EXE];
	char argv[TW_ARGV];	/* words, each closed by a NUL */
	__u32 argv_size;
	__u32 _pad;
};

/* A cgroup right below a target's, as its folder is called: in a pod, a container's. */
struct tw_part {
	char name[TW_PART];
};

/* Who sent from this socket address to the resolver. */
struct tw_asker_key {
	__u32 target;
	__u32 addr;
	__u16 port;
	__u16 proto;
};

struct tw_asker {
	__u64 start;
	__u32 pid;
	__u32 _pad;
};

struct tw_flow_key {
	__u32 target;
	__u32 saddr;
	__u32 daddr;
	__u16 sport;
	__u16 dport;
};

struct tw_row_key {
	__u64 start;
	__u32 target;
	__u32 pid;
	__u32 name;
	__u32 addr[4];		/* 16 bytes as on the wire; IPv4 is ::ffff:a.b.c.d */
	__u16 port;
	__u16 rule;
	__u32 table;		/* the rule's number means nothing without it */
	__u8 proto;
	__u8 reason;
	__u8 passed;		/* allowed, or let pass all the same (Observe) */
	__u8 hook;
	__u32 _pad;
};

struct tw_row {
	__u64 count;
	__u64 first;		/* boot ns */
	__u64 last;
};

/*
 * How much of a row an output has been told, for the agent after this one; no program reads these. What stands
 * in the spool of an output is told, so what was written last counts only if the spool has got that far.
 */
struct tw_told_key {
	struct tw_row_key row;
	__u32 output;		/* element of `outputs` */
	__u32 _pad;
};

struct tw_told {
	__u64 count;		/* so much of the row's count */
	__u64 before;		/* so much, while the spool has not got as far as `place` */
	__u64 place;		/* 0: it needs no spool */
};

#define TW_MAX_OUTPUTS 32
#define TW_OUTPUT_NAME 32
#define TW_INSTANCE 64

struct tw_output {
	__u64 place;		/* as far as its spool has got, over all agents */
	__u64 base;		/* the same when `instance` began, whose numbers count from there */
	char name[TW_OUTPUT_NAME];
	char instance[TW_INSTANCE];
};

/* What every row of a target says of it, as JSON: it may end while no agent is there. */
#define TW_LABELS 2044

struct tw_labels {
	__u32 length;		/* 0: there was no room */
	char text[TW_LABELS];
};

/*
 * A lookup that the resolver refused, or that Block would have refused, which the kernel does not count: for the agent
 * after this one; no program reads these.
 */
struct tw_lookup_key {
	__u32 target;
	__u32 number;		/* from 1; 0: all that have no row of their own */
};

struct tw_lookup_type {
	__u64 count;
	__u32 type;		/* of the query */
	__u32 _pad;
};

#define TW_LOOKUP_TYPES 4
#define TW_LOOKUP_NAME 1020	/* each byte of a name may be four as text */

struct tw_lookup {
	__u64 start;		/* with pid, who asked */
	__u64 first;		/* ms of wall time */
	__u64 last;
	struct tw_lookup_type type[TW_LOOKUP_TYPES];	/* those asked for most */
	__u32 pid;		/* 0: nobody knows */
	__u32 addr;		/* in the answer, where there is one */
	__u32 table;		/* the rule's number means nothing without it */
	__u16 rule;
	__u8 reason;
	__u8 has_addr;
	__u8 passed;		/* let pass all the same (Observe) */
	__u8 _pad;
	__u16 length;
	char name[TW_LOOKUP_NAME];
};

struct tw_event {
	__u64 time;		/* boot ns */
	struct tw_row_key row;
	__u32 has_process;
	__u32 _pad;
	struct tw_process process;
};

/* Every path on which something could get lost without a trace has a counter. */
enum tw_counter {
	TW_EVENTS_LOST,		/* ring buffer full; the row itself is still counted */
	TW_ROWS_FULL,		/* the rows map is full */
	TW_STORAGE_FAILED,	/* no memory for a socket's state */
	TW_PROCESS_FAILED,	/* no room for a process's identity */
	TW_QUERIES_DROPPED,	/* DNS queries beyond a target's budget */
	TW_UNKNOWN_TARGET,	/* a packet of no known target: refused */
	TW_PROBES_REFUSED,	/* the barrier's probes, which make no rows */
	TW_FRAMES_DROPPED,	/* frames on a target's link that are neither IPv4 nor ARP */
	TW_COUNTERS,
};

enum tw_hook {
	TW_HOOK_CONNECT,
	TW_HOOK_SENDMSG,
	TW_HOOK_PACKET,
	TW_HOOK_BACKSTOP,
	TW_HOOK_ANY,	/* of a row beyond the budget: whatever hook, wherever to */
};

#endif
