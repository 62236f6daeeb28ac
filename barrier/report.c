/* SPDX-License-Identifier: MPL-2.0 */
/* The codes are documented in docs/barrier.md; a test compares the two. */
#include "report.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "text.h"

#define TERMINATION_LOG "/dev/termination-log"

static const struct {
	const char *code;
	int exit;
	const char *message;
	const char *hint;
} table[BAR_ENDS] = {
	[BAR_ATTACHED] = { "TW_BARRIER_ATTACHED", 0, "This pod is held.", "The job can start." },
	[BAR_USAGE] = { "TW_BARRIER_USAGE", 2, "The barrier is set up wrongly: ",
			"Correct its flags (--deadline, --interval) or variables "
			"(TORWACHT_BARRIER_DEADLINE, TORWACHT_BARRIER_INTERVAL) in the runner's "
			"configuration." },
	[BAR_NO_ANSWER] = { "TW_BARRIER_NO_ANSWER", 20,
			    "Torwacht does not hold this pod: nobody answered in time",
			    "Retry the job. If it happens again, the agent on this node is missing, "
			    "starting or down: tell the platform team, with the node of this pod." },
	[BAR_NOT_ATTACHED] = { "TW_BARRIER_NOT_ATTACHED", 21,
			       "Torwacht does not hold this pod: another DNS server answered, with ",
			       "No agent has taken over this pod's DNS. Tell the platform team, with "
			       "the node of this pod; its agent may be missing or starting." },
	[BAR_BAD_ANSWER] = { "TW_BARRIER_BAD_ANSWER", 22,
			     "What answered does not speak as Torwacht's agent does.",
			     "Another DNS server may stand between, or the agent is far newer than "
			     "this barrier: compare the versions of the two images." },
	[BAR_WRONG_PROTOCOL] = { "TW_BARRIER_WRONG_PROTOCOL", 23,
				 "The agent of this node speaks another protocol than this barrier: ",
				 "Upgrade the older of the two images. A barrier understands agents of "
				 "its own protocol and of the one before." },
	[BAR_NOT_ENFORCED] = { "TW_BARRIER_NOT_ENFORCED", 24,
			       "An answer came, but this pod is not held: ",
			       "Do not work around this. The answer was not the agent's, or its "
			       "programs are not in force: tell the platform team, with the node." },
	[BAR_SOCKET] = { "TW_BARRIER_SOCKET", 25, "The barrier cannot open what it needs: ",
			 "Look at the seccomp profile and the limits of the first init container." },
	[BAR_STOPPED] = { "TW_BARRIER_STOPPED", 143, "The pod was ended while the barrier waited.",
			  "Nothing is wrong with the barrier: see who deleted the pod." },
};

static void put_error(struct bar_text *text, int error)
{
	bar_put(text, error ? strerror(error) : "it got through");
}

/* What is known beyond the sentence of the table. */
static void put_detail(struct bar_text *text, const struct bar_story *s)
{
	switch (s->end) {
	case BAR_USAGE:
		bar_put(text, "'");
		bar_put_escaped(text, s->mistake.value, 64);
		bar_put(text, "' ");
		bar_put(text, s->mistake.what);
		break;
	case BAR_NO_ANSWER:
		if (!s->error)
			break;
		bar_put(text, " (the last question could not be sent: ");
		put_error(text, s->error);
		bar_put(text, ")");
		break;
	case BAR_NOT_ATTACHED:
		bar_put(text, s->answer.rcode ? "response code " : "no such record");
		if (s->answer.rcode)
			bar_put_number(text, s->answer.rcode);
		break;
	case BAR_WRONG_PROTOCOL:
		bar_put_number(text, s->answer.protocol);
		break;
	case BAR_NOT_ENFORCED:
		bar_put(text, s->proof.lacking);
		bar_put(text, " (");
		put_error(text, s->proof.error);
		bar_put(text, ")");
		break;
	case BAR_SOCKET:
		put_error(text, s->error);
		break;
	default:
		return;
	}
	bar_put(text, ".");
}

static void put_word(struct bar_text *line, const char *key, struct bar_word word)
{
	bar_put(line, "\",\"");
	bar_put(line, key);
	bar_put(line, "\":\"");
	bar_put_escaped(line, word.at, word.size);
}

static void put_counted(struct bar_text *line, const char *key, unsigned value)
{
	bar_put(line, ",\"");
	bar_put(line, key);
	bar_put(line, "\":");
	bar_put_number(line, value);
}

/* What cannot be written here stands elsewhere, or in the exit code. */
static void write_all(int fd, const struct bar_text *line)
{
	size_t done = 0;
	ssize_t n = 1;

	while (n > 0 && done < line->size) {
		n = write(fd, line->at + done, line->size - done);
		if (n > 0)
			done += (size_t)n;
	}
}

int bar_report(const struct bar_story *s)
{
	struct bar_text line = { 0 };
	int log;

	bar_put(&line, "{\"torwacht\":\"barrier\",\"code\":\"");
	bar_put(&line, table[s->end].code);
	bar_put(&line, "\",\"message\":\"");
	bar_put(&line, table[s->end].message);
	put_detail(&line, s);
	bar_put(&line, "\",\"hint\":\"");
	bar_put(&line, table[s->end].hint);
	if (s->end == BAR_ATTACHED) {
		put_word(&line, "version", s->answer.version);
		put_word(&line, "mode", s->answer.mode);
		put_word(&line, "policy", s->answer.policy);
	}
	bar_put(&line, "\"");
	put_counted(&line, "waited_ms", s->waited_ms);
	put_counted(&line, "attempts", s->attempts);
	bar_put(&line, "}\n");
	if (s->end == BAR_ATTACHED) {
		write_all(STDOUT_FILENO, &line);
		return table[s->end].exit;
	}
	write_all(STDERR_FILENO, &line);
	/* The kubelet made the file (terminationMessagePath); where there is none, none is made. */
	log = open(TERMINATION_LOG, O_WRONLY | O_TRUNC | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (log >= 0) {
		write_all(log, &line);
		close(log);
	}
	return table[s->end].exit;
}
