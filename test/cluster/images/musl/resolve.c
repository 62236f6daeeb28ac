/*
 * Asks the C library's resolver, as any program would: resolve NAME… prints one line per name,
 * `NAME ADDRESS…` or `NAME ! REASON`, and exits with 1 when one of them failed.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

static int show(const char *name)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found, *one;
	char text[INET6_ADDRSTRLEN];
	int error = getaddrinfo(name, NULL, &hints, &found);

	if (error) {
		printf("%s ! %s\n", name, gai_strerror(error));
		return 1;
	}
	printf("%s", name);
	for (one = found; one; one = one->ai_next) {
		const void *address = one->ai_family == AF_INET6 ?
			(void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr :
			(void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr;

		printf(" %s", inet_ntop(one->ai_family, address, text, sizeof(text)));
	}
	printf("\n");
	freeaddrinfo(found);
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= show(argv[i]);
	return failed;
}
