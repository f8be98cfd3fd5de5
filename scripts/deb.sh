#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Debian packages of the patched kernel and of the tool swapmig, for a real machine.
# Prints their paths.
#
# usage: scripts/deb.sh [DIRECTORY]
#
#   CONFIG=FILE   the kernel's configuration, which may be xz-compressed; the default
#                 is that of Debian's own kernel, which takes hours to compile
#   DIRECTORY     below out/, for the packages: deb if not given
#
# The kernel is called 6.1.N-swapmig and is installed beside others. Debug symbols
# are left out: they would take more time and room than all the rest.

. "$(dirname "$0")/lib.sh"

debian=/usr/src/linux-config-6.1/config.amd64_none_amd64.xz
# The build leaves the packages beside its own directory.
packages=$OUT/${1:-deb}
dir=$packages/build

build()
{
	make -C "$OUT/linux" O="$dir" ARCH=x86_64 CC="ccache gcc" \
		LOCALVERSION=-swapmig KDEB_PKGVERSION="$version-1" DPKG_FLAGS=-d "$@"
}

# Debian's keys are Debian's: the build makes one of its own to sign modules with.
configure()
{
	xz -dcf "$CONFIG" >"$dir/.config"
	"$OUT/linux/scripts/config" --file "$dir/.config" \
		-d DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT -d DEBUG_INFO_DWARF4 \
		-d DEBUG_INFO_DWARF5 -e DEBUG_INFO_NONE -d LOCALVERSION_AUTO \
		--set-str SYSTEM_TRUSTED_KEYS '' --set-str SYSTEM_REVOCATION_KEYS '' \
		--set-str MODULE_SIG_KEY certs/signing_key.pem
	build olddefconfig
	grep -qx CONFIG_SWAPMIG=y "$dir/.config" ||
		die "CONFIG=$CONFIG: it has no NUMA or no MIGRATION, so no CONFIG_SWAPMIG"
}

pack()
{
	rm -f "$packages"/linux-*
	build -j"$JOBS" bindeb-pkg
	rm -f "$packages"/linux-*.buildinfo "$packages"/linux-*.changes
}

# dpkg-shlibdeps wants a source package; it needs no more of one than this.
pack_tool()
{
	local root=$packages/tool depends

	rm -rf "$packages"/swapmig_* "$root"
	"$TOP/scripts/tool.sh" "$root"
	strip "$root/usr/sbin/swapmig"
	mkdir -p "$root/DEBIAN" "$root/debian"
	echo 'Source: swapmig' >"$root/debian/control"
	depends=$(cd "$root" && dpkg-shlibdeps -O usr/sbin/swapmig)
	rm -r "$root/debian"
	cat >"$root/DEBIAN/control" <<-END
		Package: swapmig
		Version: $version-1
		Architecture: $(dpkg --print-architecture)
		Maintainer: ${DEBFULLNAME:-nobody} <${DEBEMAIL:-nobody@localhost}>
		Section: admin
		Priority: optional
		Depends: ${depends#*=}
		Description: watch and start migrations of memory through swap
		 swapmig shows migrations of memory between NUMA nodes while they run, and
		 starts them. It is for kernels with swap migration.
	END
	dpkg-deb --root-owner-group --build "$root" "$packages"
}

CONFIG=${CONFIG:-$debian}
need build deb tool
[ "$CONFIG" != "$debian" ] || need debian-config
[ -r "$CONFIG" ] || die "CONFIG=$CONFIG: no such file"
"$TOP/scripts/tree.sh" linux >&2
version=$(tree_version "$OUT/linux")
mkdir -p "$dir"
step "pack the tool" pack_tool
step "configure the kernel $version-swapmig" configure
step "build and pack the kernel $version-swapmig" pack
printf '%s\n' "$packages"/{linux-,swapmig_}*.deb
