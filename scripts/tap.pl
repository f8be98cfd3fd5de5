#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# usage: tap.pl GROUP <output >results
#
# Turn what guest/selftests prints, or a kernel log with KUnit's results, into
# one block per test: "passed|failed|skipped <tab> GROUP/PROGRAM: TEST", followed by
# the test's own output, each line of it after a "|". A line per program goes to
# stderr while it runs.

use strict;
use warnings;

my $group = shift // die "usage: tap.pl GROUP\n";
my ($program, $planned, $suite, $test, @output, @remarks, %count, $total);
$| = 1;

sub result {
	my ($outcome, $name, @lines) = @_;

	print "$outcome\t$group", defined $program ? "/$program" : '', ": $name\n";
	print "|$_\n" for @lines;
	$count{$outcome}++;
	$total++;
}

# What has become of a program's tests, or of a suite's.
sub report {
	my ($rest) = @_;

	printf STDERR "  %-28s %s%s\n", "$group/$program",
		join(', ', map { "$count{$_} $_" } grep { $count{$_} } qw(passed failed skipped)), $rest;
}

# The results of a program must add up with its plan and its exit status.
sub finish {
	my ($status, $seconds) = @_;
	my $results = 0;

	$results += $_ for values %count;
	my $how = !defined $status ? 'the guest ended while it ran' :
		$status == 137 ? 'killed: it crashed, or its time limit ended it' :
		$status > 128 ? 'killed by signal ' . ($status - 128) :
		$status == 127 || $status == 126 ? 'could not be run' : "exit status $status";
	if (defined $status && $status == 4 && !$results) {
		result('skipped', 'all', grep { /SKIP/ } @output);
	} elsif (!defined $status || $status && !$count{failed}) {
		result('failed', $test // 'all', @remarks, @output, $how);
	} elsif (!$results || defined $planned && $results < $planned) {
		result('failed', 'all', @output,
		       sprintf('%d of %s tests have a result; %s', $results, $planned // 'its', $how));
	}
	report(defined $seconds ? ", $seconds s" : '');
	undef $program;
}

while (<STDIN>) {
	chomp;
	s/\r$//;
	s/^\[ *\d+\.\d+\] //;
	if (/^### begin (\S+)/) {
		$program = $1;
		($planned, $test) = ();
		@output = @remarks = %count = ();
	} elsif (/^### end \S+ (\d+) (\d+)/) {
		finish($1, $2);
	} elsif (/^    # Subtest: (\S+)/) {
		$program = $suite = $1;
		@output = %count = ();
	} elsif (defined $suite && /^(not )?ok \d+ (?:- )?\Q$suite\E/) {
		report('');
		($suite, $program) = ();
	} elsif (defined $suite && /^    (not )?ok \d+ (?:- )?(\S+)(.*)/) {
		result($1 ? 'failed' : $3 =~ /# SKIP/i ? 'skipped' : 'passed', $2, @output);
		@output = ();
	} elsif (defined $suite) {
		push @output, $_;
	} elsif (!defined $program) {
		next;
	} elsif (/^1\.\.(\d+)/) {
		$planned = $1;
		push @output, $_ if /SKIP/;
	} elsif (/^#\s+RUN\s+(\S+)/) {
		$test = $1;
		@output = ();
	} elsif (/^(not )?ok \d+(?: -)? *(.*)/) {
		my ($failed, $what) = ($1, $2);

		@output = grep { !/^#\s+(OK|FAIL)\s/ } @output;
		if ($what =~ s/# SKIP *//i) {
			result('skipped', $test // $what, $what);
		} else {
			result($failed ? 'failed' : 'passed', $test // $what, @output);
		}
		push @remarks, @output;
		@output = ();
		undef $test;
	} else {
		push @output, $_;
	}
}
finish() if defined $program && !defined $suite;
result('failed', 'all', @output, 'the guest ended while it ran') if defined $suite;
result("failed", "no test ran") if !$total;
