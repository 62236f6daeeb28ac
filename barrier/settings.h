/* SPDX-License-Identifier: MPL-2.0 */
/* How long and how often: flags before environment before defaults. */
#ifndef BAR_SETTINGS_H
#define BAR_SETTINGS_H

struct bar_settings {
	unsigned deadline_ms;	/* after which the barrier fails */
	unsigned interval_ms;	/* longest pause between two questions */
};

/* What of the settings is wrong; NULL: nothing. `value` is as it was given, perhaps NULL. */
struct bar_mistake {
	const char *what;
	const char *value;
};

struct bar_mistake bar_read_settings(int argc, char **argv, struct bar_settings *settings);

#endif
