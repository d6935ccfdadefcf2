# shellcheck shell=bash
# A root directory with this machine's Debian release, systemd, PostgreSQL, and what installation.md wants installed:
# what test-systemd boots, with layers of its own over it. Needs say.sh and apt.sh.

machine_packages=(dbus libpam-systemd ca-certificates iproute2 procps)
server_packages=(postgresql libcurl4 make gcc)

# in_machine ROOT COMMAND…: as root in a container that is not booted, with this machine's network.
in_machine() {
  local root=$1
  shift
  systemd-nspawn --quiet --register=no --keep-unit --pipe --resolv-conf=copy-host --directory="$root" \
    --setenv=DEBIAN_FRONTEND=noninteractive -- "$@" < /dev/null
}

# machine_root DIR SUITE: made in DIR, where it is not there already.
machine_root() {
  local dir=$1 suite=$2 part=$1.part mirror recipe include
  recipe=$(sha256sum "$here/lib/machine.sh" | cut -d ' ' -f 1)
  mkdir -p "$(dirname "$dir")"
  exec 8> "$dir.lock"
  flock 8
  ! is_stamped "$dir.recipe" "$recipe" || return 0
  mirror=$(debian_mirror '')
  [ -n "$mirror" ] || die "could not find a Debian mirror in this machine's apt sources"
  rm -rf "$part" "$dir"
  include=$(IFS=, && printf '%s' "systemd,systemd-sysv,${machine_packages[*]}")
  debootstrap --variant=minbase "--include=$include" "$suite" "$part" "$mirror"
  # The cluster that the package makes is started by the first boot, and by nothing before.
  printf '%s\n' '#!/bin/sh' 'exit 101' > "$part/usr/sbin/policy-rc.d"
  chmod 755 "$part/usr/sbin/policy-rc.d"
  in_machine "$part" apt-get install -y -q --no-install-recommends "${server_packages[@]}"
  # shellcheck disable=SC2016 # expanded in the machine
  in_machine "$part" sh -c 'apt-get install -y -q --no-install-recommends "postgresql-server-dev-$(ls /usr/lib/postgresql)"'
  rm "$part/usr/sbin/policy-rc.d"
  rm -rf "$part"/var/cache/apt/archives/*.deb
  mv -T "$part" "$dir"
  stamp "$dir.recipe" "$recipe"
}
