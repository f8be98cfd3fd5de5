# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# closure ROOT FILE...: give the tree ROOT what the programs FILE need in order
# to run: shared libraries, and the interpreters of scripts with theirs, each at
# the path it has on this machine, or in the root directory $packages of Debian's
# packages for another machine. Files that the tree $has has are left out.

packages='' has=''

closure()
{
	local root=$1 file magic list lib interpreter
	shift

	for file in "$@"; do
		[ -f "$file" ] || continue
		magic=$(head -c 4 "$file" | tr -d '\0')
		case $magic in
		$'\x7fELF')
			# an assignment, so that an error ends us
			list=$(${packages:+packaged_}libraries "$file" "$@")
			for lib in $list; do
				if [ -e "$root$lib" ] || [ -e "${has:-$root}$lib" ]; then
					continue
				fi
				install -D "$packages$lib" "$root$lib"
				[ -z "$packages" ] || closure "$root" "$packages$lib"
			done ;;
		'#!'*)
			read -r interpreter _ < <(head -n 1 "$file" | tr -d '\0' | sed 's/^#! *//')
			[ -e "$root$interpreter" ] || [ -e "${has:-$root}$interpreter" ] ||
				[ ! -x "$packages$interpreter" ] || {
				install -D "$packages$interpreter" "$root$interpreter"
				closure "$root" "$packages$interpreter"
			} ;;
		esac
	done
}

# What ldd finds, one path per line. A static program, or one for another
# machine, has nothing to copy; a library that is missing is an error, and so is one
# that lacks the version of its symbols that a program was linked with.
libraries()
{
	local list missing

	list=$(ldd "$1" 2>/dev/null) || return 0
	missing=$(awk '/=> not found/ { printf "%s ", $1 }' <<<"$list")
	[ -z "$missing" ] || die "$1 needs ${missing}which is not on this machine"
	missing=$(sed -n "s/^.*: \(\/.*\): version [\`']\(.*\)' not found (required by \(.*\))$/\3 needs \2 of \1/p" <<<"$list")
	[ -z "$missing" ] || die "${missing//$'\n'/, }: this machine's library is older"
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$list"
}

# The machine that a program is for, in readelf's words.
machine_of() { readelf -h "$1" 2>/dev/null | sed -n 's/^ *Machine: *//p'; }

# missing_versions FILE LIBRARY: what FILE wants of this library and it does not define
missing_versions()
{
	comm -23 <(readelf -VW "$1" | awk -v library="${2##*/}" '
			$4 == "File:" { wanted = $5 == library }
			wanted && $2 == "Name:" { print $3 }' | sort -u) \
		<(readelf -VW "$2" | sed -n 's/.* Rev: .* Name: //p' | sort -u) | paste -sd ' '
}

# packaged_libraries FILE BROUGHT...: the same from $packages, for a machine that
# ldd knows nothing of: the interpreter and the libraries that FILE itself names,
# but those that are among the files BROUGHT.
packaged_libraries()
{
	local file=$1 name path missing
	shift

	if [ "$(machine_of "$file")" != "$(machine_of "$packages/bin/busybox")" ]; then
		say "warning: $file is for the machine $(machine_of "$file"), the guest cannot run it"
		return
	fi
	for name in $(readelf -ld "$file" |
		sed -n 's/.*program interpreter: \(.*\)\]/\1/p; s/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
		for path in "$packages$name" "$packages"{,/usr}/lib/*-linux-gnu/"$name"; do
			[ -e "$path" ] || continue
			missing=$(missing_versions "$file" "$path")
			[ -z "$missing" ] || die "$file needs $missing of $name: that of Debian's packages is older"
			echo "${path#"$packages"}"
			continue 2
		done
		[[ "$* " == *"/$name "* ]] ||
			die "$file needs $name, which is not in Debian's packages in $(short "$packages")"
	done
}
