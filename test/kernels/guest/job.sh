#!/bin/busybox sh
# The machine's one job, in the folder that the host looks into; with its end the machine ends.
repository=${0%/test/kernels/guest/job.sh}
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
export NODE_COMPILE_CACHE="$repository/build/kernels/compile-cache"
"$repository/node_modules/.bin/node" "$repository/test/kernels/guest/main.ts" /run/out \
	>/run/out/said 2>&1 </dev/null
echo $? >/run/out/code
echo "torwacht-guest: done $(cut -d' ' -f1 /proc/uptime) s" >/dev/console
sync
exec /bin/busybox poweroff -f
