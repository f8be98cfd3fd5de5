# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script here shares. Source it first:
#	. "$(dirname "$0")/lib.sh"
#
# Progress and errors go to stderr, so that stdout carries results only and
# a script can hand a path to its caller.

set -euo pipefail
export LC_ALL=C

# The make that runs us is not to pass its variables on to the builds.
unset MAKEFLAGS MFLAGS MAKELEVEL

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
OUT=$TOP/out
# shellcheck disable=SC2034	# for the scripts that source this file
JOBS=${JOBS:-$(nproc)}

# Kbuild has the compiler list what it read: ccache need not preprocess to know,
# which makes a first build a fifth shorter.
export CCACHE_DEPEND=1 CCACHE_BASEDIR=$OUT

say() { printf '%s\n' "$*" >&2; }
ok()  { printf 'ok: %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Paths in messages are short when they lie in the repository.
short() { printf '%s' "${1#"$TOP"/}"; }

# The lines of a log that a person would look for: errors, else warnings, else
# its end.
log_errors()
{
	local word

	for word in 'error|Error|ERROR|fatal|undefined reference|\*\*\*|[Cc]annot |failed|FAILED|^E: ' \
		'WARNING|warning|CHECK:' ''; do
		if grep -qE "$word" "$1"; then
			grep -nE "$word" "$1" | tail -n "${2:-15}"
			return
		fi
	done
}

# Shows that a long step is alive: how many files the build has gone through,
# rewritten in place on a terminal, else appended to the line now and then.
step_tick()
{
	local log=$1 what=$2 since=$SECONDS files pause=30
	[ ! -t 2 ] || pause=2
	while sleep $pause; do
		files=$(grep -cE '^(  (CC|AS|HOSTCC|LD|AR)|g\+\+|gcc) ' "$log") || true
		[ "$files" = 0 ] && files='' || files=", $files files"
		if [ -t 2 ]; then
			printf '\r%s ... %d s%s ' "$what" $((SECONDS - since)) "$files" >&2
		else
			printf ' %d s%s ...' $((SECONDS - since)) "$files" >&2
		fi
	done
}

# Where step "what" leaves the output. A list of packages may be longer than a
# file name can be.
step_log()
{
	local name

	name=$(printf '%s' "$1" | tr -cs 'A-Za-z0-9._' -)
	printf '%s/log/%.100s.log' "$OUT" "$name"
}

# step "what" cmd...: run cmd (a function will do) with its output in
# out/log/<what>.log and tell how long it took. On failure the lines that
# matter are shown and the status of cmd is returned. Both run in process
# groups of their own, so that an interrupt ends the whole build with us.
# Do not call it in a condition if cmd is a function: bash would then ignore
# set -e inside of it.
step()
{
	local what=$1 log since=$SECONDS cmd tick rc=0
	shift
	mkdir -p "$OUT/log"
	log=$(step_log "$what")
	printf '%s ...' "$what" >&2
	: >"$log"

	set -m
	"$@" </dev/null >"$log" 2>&1 &
	cmd=$!
	step_tick "$log" "$what" </dev/null >/dev/null &
	tick=$!
	set +m
	trap 'kill -- -$cmd -$tick 2>/dev/null; say " interrupted"; exit 130' INT TERM
	wait $cmd || rc=$?
	trap - INT TERM
	# A bash that has just been forked may start its sleep before it heeds TERM.
	kill -KILL -- -$tick 2>/dev/null || true
	wait $tick 2>/dev/null || true

	# On a terminal the count of files gives way to the outcome.
	[ ! -t 2 ] || printf '\r\033[K%s ...' "$what" >&2
	if [ $rc = 0 ]; then
		printf ' %d s\n' $((SECONDS - since)) >&2
		return 0
	fi
	printf ' FAILED after %d s\n' $((SECONDS - since)) >&2
	log_errors "$log" | sed 's/^/    /' >&2
	say "    whole log: $(short "$log")"
	return $rc
}

# What DEBUG adds to the name of a kernel.
# shellcheck disable=SC2034	# for the scripts that source this file
case ${DEBUG:-}-${ARCH:-x86_64} in
-*) debug='' ;;
1-*) debug=-debug ;;
kcsan-x86_64) debug=-kcsan ;;
kcsan-*) die "DEBUG=kcsan: ARCH=$ARCH has no KCSAN, only x86_64 has" ;;
*) die "DEBUG=$DEBUG: it is 1 or kcsan" ;;
esac

# need GROUP...: what these parts of the work need is installed, or die.
need() { "$TOP/scripts/deps.sh" "$@"; }

# The version that a kernel tree calls itself, like 6.1.192.
tree_version()
{
	awk '$2 == "=" && ($1 == "VERSION" || $1 == "PATCHLEVEL" || $1 == "SUBLEVEL") { v = v s $3; s = "." }
	     END { print v }' "$1/Makefile"
}

# check_config CONFIG FRAGMENT...: a symbol that is misspelt, or whose dependencies are not
# met, is dropped by Kconfig without a word. The last fragment that names one decides.
check_config()
{
	local config=$1 line symbol
	shift

	while read -r line; do
		case $line in
		CONFIG_*)
			grep -qxF "$line" "$config" ||
				die "scripts/config: $line did not take effect in $(short "$config")" ;;
		"# CONFIG_"*" is not set")
			symbol=${line#\# }
			symbol=${symbol%% *}
			! grep -q "^$symbol=" "$config" ||
				die "scripts/config: $symbol could not be turned off in $(short "$config")" ;;
		esac
	done < <(cat "$@" | tac | awk '{ symbol = /^CONFIG_/ ? substr($0, 1, index($0, "=") - 1) : $2 }
				 !known[symbol]++')
}
