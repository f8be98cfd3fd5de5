#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Race migrations against everything else, all at once, for as long as you like:
# on a 64-bit kernel, then on a 32-bit one.
#
# usage: scripts/soak.sh, with these variables in the environment:
#   MINUTES=10       how long, on each kernel
#   ARCH=i386        only on this one
#   SEED=N           the seed of all random choices; the seed of a run is printed
#   RACES="a b ..."  only these; a wrong name lists them all
# and those of scripts/boot.sh, above all DEBUG=1, CPUS=, NODES= and MEM=.
#
# The exit status is 1 if anything went wrong, or if the kernel complained.

. "$(dirname "$0")/lib.sh"

MINUTES=${MINUTES:-10}
SEED=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
RACES=${RACES:-}
[[ $MINUTES =~ ^[1-9][0-9]{0,4}$ ]] || die "MINUTES=$MINUTES is not a number of minutes"
[[ $SEED =~ ^[0-9]{1,18}$ ]] || die "SEED=$SEED is not a number"
mapfile -t known < <(find "$TOP/tools/testing/selftests/swapmig" -path '*race*' -name '*.c' -print0 |
	sort -z | xargs -0 sed -n 's/^	\.name = "\([a-z_]*\)".*/\1/p')
for race in $RACES; do
	[[ " ${known[*]} " == *" $race "* ]] || die "no race is called '$race': ${known[*]}"
done

# KCSAN is for 64 bits.
[ "${DEBUG:-}" != kcsan ] || ARCH=${ARCH:-x86_64}
for arch in ${ARCH:-x86_64 i386}; do
	since=$SECONDS
	say "$arch: racing for $MINUTES minutes; to do it again: make soak ARCH=$arch MINUTES=$MINUTES SEED=$SEED"
	# The last races may take minutes to end where much is checked.
	ARCH=$arch SWAP=none BOOT_NAME=soak-$arch TIMEOUT=$((MINUTES * 60 + 600)) \
	CMD="cd /usr/libexec/kselftest/swapmig && exec ./soak $((MINUTES * 60)) $SEED $RACES 2>&1" \
		"$TOP/scripts/boot.sh" </dev/null || die "$arch: soak: failed, see above; SEED=$SEED"
	ok "$arch: soak: nothing went wrong"
	[ -z "${TIMES:-}" ] || printf '%6d s  soak %s\n' $((SECONDS - since)) "$arch" >>"$TIMES"
done
