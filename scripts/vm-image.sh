#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Make the disk of the virtual machine and print the directory that it is in.
#
# usage: scripts/vm-image.sh
#
# The directory has disk.img, a file system of Debian 12, and kernel/linux and
# kernel/debian: the kernels in it, ours and Debian's own, each with its initrd. Ours and
# the tool swapmig are the packages of scripts/deb.sh, installed by apt. Each part is
# made again only when what it is made of has changed.

. "$(dirname "$0")/lib.sh"

suite=bookworm
dir=$OUT/vm
ours=$TOP/scripts/vm
fragment=$TOP/scripts/config/vm.config

# What a server has that somebody administers, and for apt's sake what Debian's kernel wants.
packages=(systemd-sysv dbus udev libpam-systemd kmod procps iproute2 initramfs-tools zstd
	  less vim-tiny man-db bash-completion systemd-zram-generator numactl stress-ng
	  redis-server postgresql podman crun busybox-static linux-image-cloud-amd64)

# newer STAMP FILE...: something of these has changed since
newer()
{
	local stamp=$1
	shift

	[ ! -e "$stamp" ] || [ -n "$(find "$@" -cnewer "$stamp" -print -quit)" ]
}

configure()
{
	local make=(make -C "$OUT/linux" O="$dir/config" ARCH=x86_64)

	mkdir -p "$dir/config"
	"${make[@]}" x86_64_defconfig kvm_guest.config
	# it writes where it is called
	(cd "$dir/config" && "$OUT/linux/scripts/kconfig/merge_config.sh" -m .config "$fragment")
	"${make[@]}" olddefconfig
	check_config "$dir/config/.config" "$fragment"
}

# What apt has downloaded is kept for the next time.
make_root()
{
	"${root[@]}" rm -rf "$dir/root"
	mkdir -p "$dir/cache"
	# shellcheck disable=SC2016	# the hook's dollar sign
	"${root[@]}" mmdebstrap --variant=apt --include="$(IFS=,; echo "${packages[*]}")" \
		--skip=download/empty --skip=essential/unlink --skip=cleanup/apt \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
		--setup-hook="sync-in $dir/cache /var/cache/apt/archives" \
		--customize-hook="sync-out /var/cache/apt/archives $dir/cache" \
		--customize-hook="$ours/customize \"\$1\" $*" "$suite" "$dir/root"
}

# keep_kernel NAME VERSION: for QEMU, which boots it without a boot loader
keep_kernel()
{
	"${root[@]}" install -D -m 644 -o "$(id -u)" "$dir/root/boot/vmlinuz-$2" "$dir/kernel/$1/vmlinuz"
	"${root[@]}" install -D -m 644 -o "$(id -u)" "$dir/root/boot/initrd.img-$2" "$dir/kernel/$1/initrd.img"
}

# Sparse: it takes as much room here as it has files.
make_disk()
{
	local version

	rm -rf "$dir/kernel"
	for version in "$dir"/root/lib/modules/*; do
		case ${version##*/} in
		*-swapmig) keep_kernel linux "${version##*/}" ;;
		*) keep_kernel debian "${version##*/}" ;;
		esac
	done
	truncate -s 8G "$dir/disk.new"
	"${root[@]}" /sbin/mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0 \
		-d "$dir/root" "$dir/disk.new"
	"${root[@]}" rm -rf "$dir/root"
	mv "$dir/disk.new" "$dir/disk.img"
}

need build deb vm
"$TOP/scripts/tree.sh" linux >&2
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock -n 9 || {
	say "waiting for another that makes the virtual machine"
	flock 9
}

if newer "$dir/.packed" "$OUT/linux" "$fragment" "$TOP/man/swapmig.8" "$TOP"/scripts/{deb,tool}.sh; then
	touch "$dir/.packing"
	step "configure the kernel of the virtual machine" configure
	KDEB_COMPRESS=gzip CONFIG=$dir/config/.config "$TOP/scripts/deb.sh" vm >"$dir/packages"
	mv "$dir/.packing" "$dir/.packed"
fi
if newer "$dir/disk.img" "$dir/.packed" "$0" "$ours/customize" "$ours"/vm-*; then
	root=()
	if [ "$(id -u)" != 0 ]; then
		# ask for the password here, where it can be seen
		sudo -v
		root=(sudo)
	fi
	mapfile -t debs < <(grep -E '/(linux-image-[^/]*-swapmig|swapmig)_[^/]*$' "$dir/packages")
	step "install Debian 12 and our packages in it" make_root "${debs[@]}"
	step "make the disk of the virtual machine" make_disk
fi
echo "$dir"
