/* SPDX-License-Identifier: MPL-2.0 */
/* What the files of the probe share. A step is a function of words; what it returns is its outcome. */
#ifndef TW_PROBE_H
#define TW_PROBE_H

#define _GNU_SOURCE
#include "../../lab/probe.h"
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_WORDS 16
#define MAX_BYTES 4096

struct step {
	const char *name;
	int words;		/* so many it needs at least */
	const char *(*run)(char **words, int count);
};

/* One table a file, each ended by a step without a name; main.c lists the tables. */
extern const struct step stream_steps[], datagram_steps[], dns_steps[], raw_steps[], handed_steps[],
	uring_steps[], program_steps[];
extern const struct step compound_steps[], door_steps[], process_steps[], deputy_steps[];

/* A step made of words, which may stand behind the words of another one; and one made of a line. */
const char *obey_words(char **words, int count);
void obey_and_print(const char *step);
/* What a child says of a step, so that what it does to itself stays with it. Ends it after ten seconds. */
const char *in_child(const char *(*run)(char **words, int count), char **words, int count);

/* ways.c: goes there, and gives 0, -1 with errno, or NO_SUCH_WAY. What a way made goes with `leave_ways`. */
#define NO_SUCH_WAY 1
int go_way(const char *name);
void prepare_ways(void);
void leave_ways(void);
/* As root of a user namespace of its own where need be. */
int new_network(void);

/* `ok`, or the name of errno. */
const char *outcome(long result);
/* Text that stays until the next step. */
const char *sentence(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *hex(const unsigned char *bytes, size_t count);
/* A socket of the address's family; no call on it waits for longer than 700 ms. Type 0 is a stream. */
int open_socket(const char *address, int type, int protocol);
void be_patient(int fd);
/* By its name as steps write it, `mark=7`; options.c. */
int set_option(int fd, const char *text);
/* By a packet socket; raw.c. */
int send_frame(int fd, const unsigned char *packet, size_t length);
/* In place of steps: hands a socket on to another program; handed.c. */
int with_socket(int argc, char **argv);

#endif
