#!/bin/busybox sh
# Makes the machine one of systemd's: its packages of the same version, and the job as a service of its own.
# Read by start.sh, which then becomes systemd.
# Some of its folders may be links here. By its path: a tar of busybox comes first, and knows less.
/bin/tar -C "$(cat /run/out/systemd)" --exclude=man --exclude=doc --exclude=locale -cf - . |
	/bin/tar -C / --keep-directory-symlink -xf - || end 'systemd cannot be put in place'
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /run/systemd/system /run/systemd/resolved.conf.d
cat >/run/systemd/system/torwacht-guest.target <<-END
	[Unit]
	Requires=torwacht-guest.service
	Wants=dbus.socket systemd-resolved.service
	AllowIsolate=yes
END
cat >/run/systemd/system/torwacht-guest.service <<-END
	[Unit]
	After=dbus.socket systemd-resolved.service
	FailureAction=poweroff-force
	[Service]
	ExecStart=/bin/busybox sh $repository/test/kernels/guest/job.sh
	StandardOutput=journal+console
END
# The checkout may lie below /tmp, which is neither emptied nor hidden then.
mkdir -p /etc/tmpfiles.d
ln -sf /dev/null /etc/tmpfiles.d/tmp.conf
ln -s /dev/null /run/systemd/system/tmp.mount
# What a machine has whose state is to outlive it.
for unit in systemd-firstboot systemd-repart systemd-random-seed systemd-pcrphase systemd-pcrphase-sysinit \
	systemd-binfmt systemd-journal-flush systemd-machine-id-commit systemd-update-utmp systemd-timesyncd; do
	ln -s /dev/null "/run/systemd/system/$unit.service"
done
