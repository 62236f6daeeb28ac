/* SPDX-License-Identifier: MPL-2.0 */
/*
 * How many elements the BPF maps of a process hold: map-sizes PID prints `NAME COUNT` for each. An element of
 * an array counts where it is not empty; one of `learned` that only marks a place as used before is empty.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_MAPS 256
#define MOST_KEY 512

static unsigned map_id(const char *pid, const char *fd)
{
	char path[512], line[256];
	unsigned id = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", pid, fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "map_id: %u", &id) == 1)
			break;
	if (file)
		fclose(file);
	return id;
}

static int is_empty(const struct bpf_map_info *info, const unsigned char *value)
{
	size_t i = strcmp(info->name, "learned") ? 0 : sizeof(unsigned long long);

	for (; i < info->value_size; i++)
		if (value[i])
			return 0;
	return 1;
}

static void show(unsigned id)
{
	unsigned char key[MOST_KEY], next[MOST_KEY], *value;
	struct bpf_map_info info = { 0 };
	unsigned size = sizeof(info), count = 0;
	int fd = bpf_map_get_fd_by_id(id), first = 1;

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) || info.key_size > MOST_KEY) {
		fprintf(stderr, "map-sizes: map %u: %s\n", id, strerror(errno));
		exit(1);
	}
	if (info.type != BPF_MAP_TYPE_ARRAY && info.type != BPF_MAP_TYPE_HASH &&
	    info.type != BPF_MAP_TYPE_LPM_TRIE)
		goto out;
	value = calloc(1, info.value_size + 8);
	while (!bpf_map_get_next_key(fd, first ? NULL : key, next)) {
		first = 0;
		memcpy(key, next, info.key_size);
		if (!bpf_map_lookup_elem(fd, key, value))
			count += info.type != BPF_MAP_TYPE_ARRAY || !is_empty(&info, value);
	}
	free(value);
	printf("%s %u\n", info.name, count);
out:
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned seen[MOST_MAPS], known = 0, id, i;
	const struct dirent *entry;
	char path[64];
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", argc > 1 ? argv[1] : "");
	folder = opendir(path);
	if (!folder) {
		perror(path);
		return 1;
	}
	while ((entry = readdir(folder))) {
		id = map_id(argv[1], entry->d_name);
		for (i = 0; i < known && seen[i] != id; i++)
			;
		if (!id || i < known || known == MOST_MAPS)
			continue;
		seen[known++] = id;
		show(id);
	}
	closedir(folder);
	return known ? 0 : 1;
}
