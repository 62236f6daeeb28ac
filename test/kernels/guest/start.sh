#!/bin/busybox sh
# The machine's own set-up on the host's root; goes on with job.sh, where it is told so below systemd.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
repository=${0%/test/kernels/guest/start.sh}
say() { echo "torwacht-guest: $*" >/dev/console; }
end() {
	say "$*"
	sync
	/bin/busybox poweroff -f
}

# Nothing that runs on the host now is to be seen here.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/out
case $repository/ in
/tmp/*) ;;
*) mount -t tmpfs -o mode=1777 tmpfs /tmp ;;
esac
case $repository/ in
/var/tmp/*) ;;
*) mount -t tmpfs -o mode=1777 tmpfs /var/tmp ;;
esac
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup || end 'there is no cgroup2'
mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf /sys/fs/bpf || end 'there is no bpffs'
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mount -t 9p -o rw,trans=virtio,version=9p2000.L,msize=262144 out /run/out || end 'the results have no place'
ip link set lo up
hostname guest

release=$(uname -r)
mkdir -p /lib/modules
ln -sfn "$(cat /run/out/modules)" "/lib/modules/$release"
# Modules that are loaded when they are first used, in the middle of what a test waits for.
/sbin/modprobe -a veth nf_tables nft_chain_nat nft_ct nft_limit nft_redir nft_reject_inet sch_ingress cls_bpf \
	bridge 2>/run/out/modprobe
# What probes try that the host's kernel may lack; a kernel without one of them is no fault.
/sbin/modprobe -a sctp dccp_ipv4 l2tp_ip vsock vmw_vsock_virtio_transport tun fuse loop af_alg can can_raw rds tipc \
	llc2 af_key nfc bluetooth phonet kcm smc qrtr ax25 mctp 2>>/run/out/modprobe
job=$repository/test/kernels/guest/job.sh
[ -e /run/out/systemd ] || exec /bin/busybox sh "$job"
. "$repository/test/kernels/guest/systemd.sh"
exec /lib/systemd/systemd --unit=torwacht-guest.target
