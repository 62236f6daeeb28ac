/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The few kernel types that our programs read, by name. libbpf moves each access to where the running
 * kernel has the field (CO-RE), so this list is short and holds for every kernel with BTF.
 */
#ifndef TW_KERNEL_H
#define TW_KERNEL_H

#include <linux/types.h>
#include <linux/un.h>

#define TW_CORE __attribute__((preserve_access_index))

struct kernfs_node {
	const char *name;
	__u64 id;
} TW_CORE;

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
} TW_CORE;

struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
} TW_CORE;

struct css_set {
	struct cgroup *dfl_cgrp;
} TW_CORE;

struct super_block {
	__u32 s_dev;
} TW_CORE;

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
} TW_CORE;

struct qstr {
	const unsigned char *name;
} TW_CORE;

struct dentry {
	struct qstr d_name;
} TW_CORE;

struct path {
	struct dentry *dentry;
} TW_CORE;

struct file {
	struct inode *f_inode;
	struct path f_path;
} TW_CORE;

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
} TW_CORE;

typedef struct {
	__u32 val;
} kuid_t;

struct cred {
	kuid_t uid;
} TW_CORE;

struct task_struct {
	int pid;
	int tgid;
	__u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct css_set *cgroups;
	struct mm_struct *mm;
	const struct cred *cred;
	char comm[16];
} TW_CORE;

struct hlist_node {
	struct hlist_node *next;
} TW_CORE;

struct hlist_head {
	struct hlist_node *first;
} TW_CORE;

struct net {
	struct {
		struct {
			struct hlist_head *buckets;
		} table;
	} unx;
} TW_CORE;

struct sock_common {
	struct {
		struct net *net;
	} skc_net;
	struct hlist_node skc_node;
} TW_CORE;

struct bpf_local_storage_map {
	__u16 cache_idx;
} TW_CORE;

struct bpf_local_storage_data {
	struct bpf_local_storage_map *smap;
	__u8 data[0];
} TW_CORE;

/* What is kept for a socket, by map; those used last stand in the cache too. */
struct bpf_local_storage {
	struct bpf_local_storage_data *cache[16];
} TW_CORE;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	struct bpf_local_storage *sk_bpf_storage;
	struct {
		struct cgroup *cgroup;
	} sk_cgrp_data;
} TW_CORE;

struct unix_address {
	int len;
	struct sockaddr_un name[0];
} TW_CORE;

struct unix_sock {
	struct unix_address *addr;
} TW_CORE;

struct sockaddr;

/* What a hook of addresses works on; since 6.7 with the length of a Unix name. */
struct bpf_sock_addr_kern {
	struct sock *sk;
	struct sockaddr *uaddr;
	__u32 uaddrlen;
} TW_CORE;

struct linux_binprm {
	const char *filename;
} TW_CORE;

#endif
