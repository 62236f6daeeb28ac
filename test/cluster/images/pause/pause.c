/* Holds a pod's namespaces. As the first process of a shared pid namespace it also reaps orphans. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int number)
{
	(void)number;
	_exit(0);
}

int main(void)
{
	struct sigaction ending = { .sa_handler = leave };
	/* Children of ours that end become no zombies. */
	struct sigaction reaping = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };

	if (sigaction(SIGTERM, &ending, NULL) || sigaction(SIGINT, &ending, NULL) ||
	    sigaction(SIGCHLD, &reaping, NULL))
		return 1;
	for (;;)
		pause();
}
