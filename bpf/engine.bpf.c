/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Every program in one object: they share their maps and functions, and the kernel's type information
 * is read once. A program that a kernel refuses can be left out (bpf/programs.ts says which may be). Those
 * come first, the newest before all: they are loaded in this order, and a refusal costs no more than that.
 */
#include "hooks/unix.c"
#include "hooks/packet.c"
#include "hooks/create.c"
#include "hooks/process.c"
#include "hooks/address.c"
#include "hooks/clock.c"
#include "hooks/backstop.c"

char _license[] SEC("license") = "Dual MPL/GPL";
