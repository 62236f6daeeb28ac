/* SPDX-License-Identifier: MPL-2.0 */
/*
 * DNS on the wire (RFC 1035, section 4) as far as one question needs it, and the words of the answer:
 *   attached protocol=1 version=0.1.0 mode=block policy=0123456789abcdef guards=none
 */
#include "answer.h"
#include <string.h>
#include "protocol.h"

#define HEADER 12
#define TYPE_TXT 16
#define CLASS_IN 1

/* Flags of the header's second word. */
#define QR 0x8000u
#define OPCODE 0x7800u
#define TC 0x0200u
#define RD 0x0100u
#define RCODE 0x000fu

static const char name[] = "\x09_torwacht\x08" "attached\x05" "local";	/* closed by its NUL */
#define NAME_SIZE sizeof(name)

_Static_assert(HEADER + NAME_SIZE + 4 == BAR_QUESTION_SIZE, "the question's size");

static unsigned read16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void write16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

void bar_write_question(uint8_t *out, uint16_t id)
{
	memset(out, 0, HEADER);
	write16(out, id);
	write16(out + 2, RD);
	write16(out + 4, 1);
	memcpy(out + HEADER, name, NAME_SIZE);
	write16(out + HEADER + NAME_SIZE, TYPE_TXT);
	write16(out + HEADER + NAME_SIZE + 2, CLASS_IN);
}

/* Joins the character-strings of a TXT record, which fill it exactly (section 3.3.14). */
static int join_strings(const uint8_t *data, size_t size, char *text, size_t *length)
{
	size_t at = 0, part;

	*length = 0;
	while (at < size) {
		part = data[at++];
		if (part > size - at)
			return 0;
		memcpy(text + *length, data + at, part);
		*length += part;
		at += part;
	}
	return size > 0;
}

static int is_value(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("._:,+/-", c));
}

static int is_key(char c)
{
	return c >= 'a' && c <= 'z';
}

static int equals(struct bar_word word, const char *text)
{
	return word.size == strlen(text) && !memcmp(word.at, text, word.size);
}

/* A decimal number as one writes it: no sign, no leading zero, five digits at most. */
static int read_number(struct bar_word word, unsigned *value)
{
	size_t i;

	if (!word.size || word.size > 5 || (word.size > 1 && word.at[0] == '0'))
		return 0;
	*value = 0;
	for (i = 0; i < word.size; i++) {
		if (word.at[i] < '0' || word.at[i] > '9')
			return 0;
		*value = *value * 10 + (unsigned)(word.at[i] - '0');
	}
	return 1;
}

/* Splits `key=value` off the text; `at` is behind it then, at a space or at the end. */
static int next_field(const char *text, size_t size, size_t *at, struct bar_word *key,
		      struct bar_word *value)
{
	if (text[(*at)++] != ' ')
		return 0;
	key->at = text + *at;
	while (*at < size && is_key(text[*at]))
		(*at)++;
	key->size = (size_t)(text + *at - key->at);
	if (!key->size || *at == size || text[(*at)++] != '=')
		return 0;
	value->at = text + *at;
	while (*at < size && is_value(text[*at]))
		(*at)++;
	value->size = (size_t)(text + *at - value->at);
	return *at == size || text[*at] == ' ';
}

/* Fields that this protocol does not know may be there: a newer agent has more to say. */
static enum bar_kind read_text(size_t size, struct bar_answer *answer)
{
	static const char attached[] = "attached";
	struct bar_word protocol = { 0 }, key, value;
	const struct {
		const char *key;
		struct bar_word *word;
	} known[] = {
		{ "protocol", &protocol },
		{ "version", &answer->version },
		{ "mode", &answer->mode },
		{ "policy", &answer->policy },
	};
	size_t at = sizeof(attached) - 1, i;

	if (size < at || memcmp(answer->text, attached, at))
		return BAR_MALFORMED;
	while (at < size) {
		if (!next_field(answer->text, size, &at, &key, &value))
			return BAR_MALFORMED;
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!equals(key, known[i].key))
				continue;
			if (known[i].word->at)
				return BAR_MALFORMED;	/* said twice */
			*known[i].word = value;
		}
	}
	if (!read_number(protocol, &answer->protocol))
		return BAR_MALFORMED;
	if (answer->protocol != BAR_PROTOCOL && answer->protocol + 1 != BAR_PROTOCOL)
		return BAR_OTHER_PROTOCOL;
	if (!answer->version.size || !answer->policy.size)
		return BAR_MALFORMED;
	return equals(answer->mode, "block") || equals(answer->mode, "observe") ? BAR_GOOD :
										  BAR_MALFORMED;
}

/* The only record, to the end of the message: owner, type, class, TTL, length, data. */
static enum bar_kind read_record(const uint8_t *at, size_t left, struct bar_answer *answer)
{
	size_t owner = 2, length;

	if (left >= NAME_SIZE && !memcmp(at, name, NAME_SIZE))
		owner = NAME_SIZE;
	else if (left < 2 || read16(at) != (0xc000 | HEADER))
		return BAR_MALFORMED;
	at += owner;
	left -= owner;
	if (left < 10 || read16(at) != TYPE_TXT || read16(at + 2) != CLASS_IN ||
	    read16(at + 8) != left - 10)
		return BAR_MALFORMED;
	if (!join_strings(at + 10, left - 10, answer->text, &length))
		return BAR_MALFORMED;
	return read_text(length, answer);
}

enum bar_kind bar_read_answer(const uint8_t *bytes, size_t size, uint16_t id,
			      struct bar_answer *answer)
{
	uint8_t question[BAR_QUESTION_SIZE];
	unsigned flags;

	memset(answer, 0, sizeof(*answer));
	if (size < HEADER || read16(bytes) != id)
		return BAR_STRAY;
	flags = read16(bytes + 2);
	if (!(flags & QR) || flags & OPCODE)
		return BAR_STRAY;
	if (size > BAR_MAX_ANSWER || flags & TC)
		return BAR_MALFORMED;
	answer->rcode = flags & RCODE;
	if (answer->rcode)
		return BAR_ELSEWHERE;	/* with or without the question: FORMERR has none */

	bar_write_question(question, id);
	if (size < BAR_QUESTION_SIZE || read16(bytes + 4) != 1 ||
	    memcmp(bytes + HEADER, question + HEADER, BAR_QUESTION_SIZE - HEADER))
		return BAR_STRAY;
	if (!read16(bytes + 6))
		return BAR_ELSEWHERE;
	if (read16(bytes + 6) != 1 || read16(bytes + 8) || read16(bytes + 10))
		return BAR_MALFORMED;
	return read_record(bytes + BAR_QUESTION_SIZE, size - BAR_QUESTION_SIZE, answer);
}
