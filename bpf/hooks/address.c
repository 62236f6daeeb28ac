/* SPDX-License-Identifier: MPL-2.0 */
/* cgroup connect, sendmsg, recvmsg, getpeername and bind hooks, IPv4 and IPv6. */
#include "../address.h"

static __always_inline int tw_address4(struct bpf_sock_addr *ctx, __u8 hook)
{
	struct tw_address a;
	struct tw_held h;
	struct tw_sock *s = tw_hold(ctx, &h);

	if (!s)
		return TW_REFUSE;
	tw_set_address4(&a, ctx->user_ip4, ctx->user_port);
	if (tw_wants_redirect(&h, &a, ctx->protocol)) {
		s->origin_addr = ctx->user_ip4;
		s->origin_port = (__u16)ctx->user_port;
		ctx->user_ip4 = bpf_htonl(h.target->resolver_addr);
		ctx->user_port = bpf_htons((__u16)h.target->resolver_port);
		return TW_PASS;
	}
	return tw_decide_address(ctx, &h, s, &a, hook);
}

static __always_inline int tw_address6(struct bpf_sock_addr *ctx, __u8 hook)
{
	__u32 addr[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
	struct tw_address a;
	struct tw_held h;
	struct tw_sock *s = tw_hold(ctx, &h);

	if (!s)
		return TW_REFUSE;
	tw_set_address6(&a, addr, ctx->user_port);
	if (tw_wants_redirect(&h, &a, ctx->protocol)) {
		s->origin_addr = addr[3];
		s->origin_port = (__u16)ctx->user_port;
		ctx->user_ip6[3] = bpf_htonl(h.target->resolver_addr);
		ctx->user_port = bpf_htons((__u16)h.target->resolver_port);
		return TW_PASS;
	}
	return tw_decide_address(ctx, &h, s, &a, hook);
}

SEC("cgroup/connect4")
int tw_connect4(struct bpf_sock_addr *ctx)
{
	return tw_address4(ctx, TW_HOOK_CONNECT);
}

SEC("cgroup/connect6")
int tw_connect6(struct bpf_sock_addr *ctx)
{
	return tw_address6(ctx, TW_HOOK_CONNECT);
}

SEC("cgroup/sendmsg4")
int tw_sendmsg4(struct bpf_sock_addr *ctx)
{
	return tw_address4(ctx, TW_HOOK_SENDMSG);
}

SEC("cgroup/sendmsg6")
int tw_sendmsg6(struct bpf_sock_addr *ctx)
{
	return tw_address6(ctx, TW_HOOK_SENDMSG);
}

/*
 * The other direction of the redirect: an answer comes from the server that was asked, or resolvers
 * discard it (RFC 5452, section 9.1). These hooks can only change the address, never refuse.
 */
static __always_inline struct tw_sock *tw_redirected(struct bpf_sock_addr *ctx, __u32 addr)
{
	struct bpf_sock *sk = ctx->sk;
	struct tw_held h;
	struct tw_sock *s;

	if (!sk)
		return 0;
	s = bpf_sk_storage_get(&sockets, sk, 0, 0);
	if (!s || !s->origin_port || !tw_hold_socket(&h, s))
		return 0;
	if (addr != bpf_htonl(h.target->resolver_addr) ||
	    ctx->user_port != bpf_htons((__u16)h.target->resolver_port))
		return 0;
	return s;
}

static __always_inline int tw_restore4(struct bpf_sock_addr *ctx)
{
	struct tw_sock *s = tw_redirected(ctx, ctx->user_ip4);

	if (s) {
		ctx->user_ip4 = s->origin_addr;
		ctx->user_port = s->origin_port;
	}
	return TW_PASS;
}

static __always_inline int tw_restore6(struct bpf_sock_addr *ctx)
{
	struct tw_sock *s;

	if (ctx->user_ip6[0] || ctx->user_ip6[1] || ctx->user_ip6[2] != bpf_htonl(0xffff))
		return TW_PASS;
	s = tw_redirected(ctx, ctx->user_ip6[3]);
	if (s) {
		ctx->user_ip6[3] = s->origin_addr;
		ctx->user_port = s->origin_port;
	}
	return TW_PASS;
}

SEC("cgroup/recvmsg4")
int tw_recvmsg4(struct bpf_sock_addr *ctx)
{
	return tw_restore4(ctx);
}

SEC("cgroup/recvmsg6")
int tw_recvmsg6(struct bpf_sock_addr *ctx)
{
	return tw_restore6(ctx);
}

SEC("cgroup/getpeername4")
int tw_getpeername4(struct bpf_sock_addr *ctx)
{
	return tw_restore4(ctx);
}

SEC("cgroup/getpeername6")
int tw_getpeername6(struct bpf_sock_addr *ctx)
{
	return tw_restore6(ctx);
}

/* Nobody takes or joins the resolver's port; and a listener becomes known as the target's. */
static __always_inline int tw_bind(struct bpf_sock_addr *ctx)
{
	struct tw_held h;
	struct tw_sock *s = tw_hold(ctx, &h);

	if (!s)
		return TW_REFUSE;
	return h.target->resolver_port && bpf_ntohs((__u16)ctx->user_port) == h.target->resolver_port ?
		       TW_REFUSE : TW_PASS;
}

SEC("cgroup/bind4")
int tw_bind4(struct bpf_sock_addr *ctx)
{
	return tw_bind(ctx);
}

SEC("cgroup/bind6")
int tw_bind6(struct bpf_sock_addr *ctx)
{
	return tw_bind(ctx);
}
