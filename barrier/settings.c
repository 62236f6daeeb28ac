/* SPDX-License-Identifier: MPL-2.0 */
/* A mistake is never passed over: a barrier that was set up wrongly must not let a job start. */
#include "settings.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct setting {
	const char *flag;
	const char *variable;
	unsigned standard, least, most;	/* ms */
	size_t offset;
};

static const struct setting table[] = {
	{ "--deadline", "TORWACHT_BARRIER_DEADLINE", 20000, 100, 3600000,
	  offsetof(struct bar_settings, deadline_ms) },
	{ "--interval", "TORWACHT_BARRIER_INTERVAL", 200, 1, 10000,
	  offsetof(struct bar_settings, interval_ms) },
};
#define SETTINGS (sizeof(table) / sizeof(table[0]))

/* A whole number and its unit: 500ms, 20s, 2m. Seven digits at most, so that nothing overflows. */
static int read_duration(const char *text, unsigned long long *ms)
{
	size_t digits = strspn(text, "0123456789"), i;
	const char *unit = text + digits;

	if (!digits || digits > 7)
		return 0;
	*ms = 0;
	for (i = 0; i < digits; i++)
		*ms = *ms * 10 + (unsigned)(text[i] - '0');
	if (!strcmp(unit, "ms"))
		return 1;
	if (strcmp(unit, "s") && strcmp(unit, "m"))
		return 0;
	*ms *= *unit == 's' ? 1000 : 60000;
	return 1;
}

static unsigned *place_of(struct bar_settings *settings, size_t which)
{
	return (unsigned *)(void *)((char *)settings + table[which].offset);
}

static struct bar_mistake set(struct bar_settings *settings, size_t which, const char *value)
{
	unsigned long long ms;

	if (!read_duration(value, &ms))
		return (struct bar_mistake){ "is no duration like 500ms, 20s or 2m", value };
	if (ms < table[which].least || ms > table[which].most)
		return (struct bar_mistake){ "is shorter or longer than allowed", value };
	*place_of(settings, which) = (unsigned)ms;
	return (struct bar_mistake){ 0 };
}

/* The setting that an argument begins with; `value` is what follows a `=`. */
static size_t find_flag(const char *argument, const char **value)
{
	size_t which, length;

	for (which = 0; which < SETTINGS; which++) {
		length = strlen(table[which].flag);
		if (strncmp(argument, table[which].flag, length))
			continue;
		*value = argument[length] == '=' ? argument + length + 1 : NULL;
		if (!argument[length] || *value)
			break;
	}
	return which;
}

struct bar_mistake bar_read_settings(int argc, char **argv, struct bar_settings *settings)
{
	struct bar_mistake mistake = { 0 };
	int given[SETTINGS] = { 0 }, i;
	const char *value;
	size_t which;

	for (which = 0; which < SETTINGS; which++)
		*place_of(settings, which) = table[which].standard;
	for (i = 1; i < argc; i++) {
		which = find_flag(argv[i], &value);
		if (which == SETTINGS)
			return (struct bar_mistake){ "is no flag of the barrier", argv[i] };
		if (given[which]++)
			return (struct bar_mistake){ "is given twice", table[which].flag };
		if (!value && ++i == argc)
			return (struct bar_mistake){ "needs a value", table[which].flag };
		mistake = set(settings, which, value ? value : argv[i]);
		if (mistake.what)
			return mistake;
	}
	for (which = 0; which < SETTINGS; which++) {
		value = given[which] ? NULL : getenv(table[which].variable);
		if (value)
			mistake = set(settings, which, value);
		if (mistake.what)
			return mistake;
	}
	return mistake;
}
