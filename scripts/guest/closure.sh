# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# closure ROOT FILE...: give the tree ROOT what the programs FILE need in order
# to run: shared libraries (by ldd), and the interpreters of scripts with
# theirs, each at the path it has here.

closure()
{
	local root=$1 file magic lib interpreter
	shift

	for file in "$@"; do
		[ -f "$file" ] || continue
		magic=$(head -c 4 "$file" | tr -d '\0')
		case $magic in
		$'\x7fELF')
			while read -r lib; do
				[ -e "$root$lib" ] || install -D "$lib" "$root$lib"
			done < <(libraries "$file") ;;
		'#!'*)
			read -r interpreter _ < <(head -n 1 "$file" | tr -d '\0' | sed 's/^#! *//')
			[ -e "$root$interpreter" ] || [ -e "$OUT/guest/root$interpreter" ] ||
				[ ! -x "$interpreter" ] || {
				install -D "$interpreter" "$root$interpreter"
				closure "$root" "$interpreter"
			} ;;
		esac
	done
}

# What ldd finds, one path per line. A static program, or one for another
# machine, has nothing to copy; a library that is missing is an error.
libraries()
{
	local list missing

	list=$(ldd "$1" 2>/dev/null) || return 0
	missing=$(awk '/=> not found/ { printf "%s ", $1 }' <<<"$list")
	[ -z "$missing" ] || die "$1 needs ${missing}which is not on this machine"
	awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' <<<"$list"
}
