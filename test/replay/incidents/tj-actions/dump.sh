# Looks through what the job's own process holds, and prints what looks like a secret.
grep -q twlab-mark: /proc/self/net/dev || exit 97
tr '\0' '\n' <"/proc/$PPID/environ" | grep -a TOKEN
