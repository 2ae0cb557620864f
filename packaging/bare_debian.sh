#!/bin/sh
# bare_debian.sh DIR: prove that `make demo` and `make test` need nothing but a bare Debian 12, python3, python3-venv, make.
#
# As root, with debootstrap installed. Builds the system in DIR (new; removed afterwards unless KEEP=1), copies the commit
# that is checked out into it, and runs as an ordinary user, without locale, terminal or git. MIRROR is a Debian mirror
# other than debootstrap's own; PIP_CONF and CA_FILE are given to pip inside, where this machine needs them.
set -eu
dir=${1:?a directory that does not exist yet}
repository=$(cd "$(dirname "$0")/.." && pwd)
home=$dir/srv/driver
[ "$(id -u)" = 0 ] || { echo "bare_debian.sh: run it as root" >&2; exit 2; }
[ ! -e "$dir" ] || { echo "bare_debian.sh: $dir exists already" >&2; exit 2; }

unmount() {
    for mounted in dev/pts dev/shm proc; do
        if mountpoint -q "$dir/$mounted"; then umount "$dir/$mounted"; fi
    done
}
finish() {
    unmount
    if [ -z "${KEEP:-}" ]; then rm -rf --one-file-system "$dir"; fi
}
inside() {
    chroot "$dir" setpriv --reuid=driver --regid=driver --init-groups \
        env -i HOME=/srv/driver PATH=/usr/bin:/bin sh -c "cd ~/pilotline && $1"
}

trap finish EXIT
trap 'exit 1' HUP INT TERM
debootstrap --variant=minbase --include=python3,python3-venv,make bookworm "$dir" ${MIRROR:+"$MIRROR"}
mkdir -p "$dir/dev/pts" "$dir/dev/shm"
mount -t proc proc "$dir/proc"
mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$dir/dev/pts"
ln -sf pts/ptmx "$dir/dev/ptmx"
cp /etc/resolv.conf "$dir/etc/resolv.conf"
if [ -n "${CA_FILE:-}" ]; then cp "$CA_FILE" "$dir/etc/ssl/certs/ca-certificates.crt"; fi
if [ -n "${PIP_CONF:-}" ]; then cp "$PIP_CONF" "$dir/etc/pip.conf"; fi
chroot "$dir" useradd --create-home --home-dir /srv/driver driver
mkdir "$home/pilotline"
git -C "$repository" archive HEAD | tar -x -C "$home/pilotline"
chroot "$dir" chown -R driver:driver /srv/driver

inside "make demo OCPP=2.0.1"
inside "make demo OCPP=1.6"
inside "make test"
inside "make check"
echo "A bare Debian 12 with python3, python3-venv and make is enough."
