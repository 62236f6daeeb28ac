#!/bin/busybox sh
# The first program of the machine: the host's root, which it can only read, with a layer of memory above
# it in which everything can be written and from which nothing comes back. Goes on with start.sh there.
busybox=/bin/busybox
fail() {
	echo "torwacht-guest: $*"
	$busybox poweroff -f
}
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
	$busybox insmod "/modules/$module" || fail "the module $module cannot be loaded"
done </modules/order

for word in $($busybox cat /proc/cmdline); do
	case $word in
	torwacht.start=*) start=${word#*=} ;;
	torwacht.layer=*) layer=${word#*=} ;;
	esac
done
options=trans=virtio,version=9p2000.L,msize=262144
$busybox mount -t 9p -o "ro,cache=loose,$options" host /host || fail "the host's root cannot be mounted"
$busybox mount -t tmpfs -o mode=755 memory /memory
$busybox mkdir /memory/upper /memory/work
$busybox cp -r "/host$layer/." /memory/upper
$busybox mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work root /new ||
	fail 'there is no overlay'
for name in proc sys dev; do $busybox mount --move /$name /new/$name; done
exec $busybox switch_root /new /bin/busybox sh "$start" ||
	fail "$start cannot be started"
