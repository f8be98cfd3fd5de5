#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Unpack Debian's i386 packages of the programs that the 32-bit guest runs, and
# print the path of the root directory that they make up.
#
# usage: scripts/packages.sh i386
#
# The script adds no architecture to this machine: apt keeps its lists and the
# packages in out/, and believes that nothing is installed.

. "$(dirname "$0")/lib.sh"

# What the guest runs, and the libraries that are usual for a program in C or C++.
packages=(busybox-static numactl libnuma1 libc6 libgcc-s1 libstdc++6)

# Where to fetch from, through which proxy and whom to trust is as on this
# machine. What it does after an update concerns its own lists.
write_conf()
{
	mkdir -p "$work"/{lists/partial,cache/archives/partial,deb}
	: >"$work/status"
	cat >"$conf" <<-END
		APT::Architecture "$arch";
		#clear APT::Architectures;
		APT::Architectures { "$arch"; };
		APT::Sandbox::User "root";
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::State "$work";
		Dir::State::status "$work/status";
		Dir::Cache "$work/cache";
	END
}

fetch()
{
	rm -rf "$work"
	write_conf
	# a source that has nothing for this architecture does not matter
	apt-get -c "$conf" update || true
	cd "$work/deb"
	apt-get -c "$conf" download "${packages[@]}"
}

unpack()
{
	local package

	rm -rf "$root.new"
	for package in "$work"/deb/*.deb; do
		dpkg-deb -x "$package" "$root.new"
	done
	mv "$root.new" "$root"
	rm -rf "$work"
}

[ "$*" = i386 ] || die "usage: scripts/packages.sh i386"
arch=$1
root=$OUT/packages/$arch
work=$OUT/packages/$arch.apt
conf=$work/apt.conf

mkdir -p "$OUT/packages"
exec 9>"$OUT/packages/.lock"
flock 9
if [ ! -d "$root" ]; then
	command -v apt-get >/dev/null ||
		die "the $arch guest is made of Debian's packages, and there is no apt-get to fetch them with"
	step "fetch Debian's $arch packages" fetch || die "could not fetch: ${packages[*]}"
	step "unpack them" unpack
fi
echo "$root"
