/* SPDX-License-Identifier: MPL-2.0 */
/* Messages of one packet, each with at most one descriptor: to the agent, and between parents. */
#ifndef TW_PARENT_MESSAGE_H
#define TW_PARENT_MESSAGE_H

#include <sys/types.h>

/* The longest message; bpf/addon/descriptors.c has the same. */
#define TW_MESSAGE 512

/* Sends; fd -1: none. How long it waits is the channel's own affair (SO_SNDTIMEO). -1: errno says why. */
int tw_send(int channel, const char *text, int fd);

/*
 * Receives into `text`, of TW_MESSAGE bytes, and closes it with a NUL. *fd is the caller's, -1 where none came.
 * Its length; 0: nobody is there any more; -1: errno says why.
 */
ssize_t tw_receive(int channel, char *text, int *fd);

#endif
