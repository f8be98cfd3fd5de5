#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# usage: tap.pl GROUP <output >results
#
# Turn what guest/selftests prints, or a kernel log with KUnit's results, into
# one block per test: "passed|failed|skipped <tab> GROUP/PROGRAM: TEST", followed by
# the test's own output, each line of it after a "|". A line per program, or suite of
# KUnit, goes to stderr when it has ended.

use strict;
use warnings;
use TAP::Parser;
use TAP::Parser::Iterator::Array;

my $group = shift // die "usage: tap.pl GROUP\n";
my ($program, $suite, @lines, %count, $total);
$| = 1;

sub result {
	my ($outcome, $name, @output) = @_;

	print "$outcome\t$group", defined $program ? "/$program" : '', ": $name\n";
	print "|$_\n" for @output;
	$count{$outcome}++;
	$total++;
}

sub begin {
	($program, $suite) = @_;
	@lines = %count = ();
}

# finish STATUS, SECONDS: the results of a program must add up with its plan and its
# exit status, which is undefined where there is none.
sub finish {
	my ($status, $seconds) = @_;
	my $parser = TAP::Parser->new({ iterator => TAP::Parser::Iterator::Array->new([@lines]) });
	my ($test, @output, @remarks, @faults);

	while (my $part = $parser->next) {
		if ($part->is_comment && $part->comment =~ /^\s*RUN\s+(\S+)/) {
			($test, @output) = $1;
		} elsif ($part->is_test) {
			my $outcome = !$part->is_actual_ok ? 'failed' : $part->has_skip ? 'skipped' : 'passed';

			@output = grep { !/^#\s+(OK|FAIL)\s/ } @output;
			result($outcome, $test // $part->description =~ s/^- //r,
			       $outcome eq 'skipped' ? $part->explanation : @output);
			push @remarks, @output;
			($test, @output) = ();
		} elsif ($part->is_plan) {
			result('skipped', 'all', $part->explanation) if $part->explanation;
		} else {
			push @output, $part->as_string;
		}
	}
	# That is the status of a program all of whose tests are skipped.
	$status = 0 if defined $status && $status == 4 && "@{[keys %count]}" eq 'skipped';
	push @faults, !defined $status ? 'the guest ended while it ran' :
		$status == 137 ? 'killed: it crashed, or its time limit ended it' :
		$status > 128 ? 'killed by signal ' . ($status - 128) :
		$status == 127 || $status == 126 ? 'could not be run' : "exit status $status"
		if !defined $status || $status && !$count{failed};
	push @faults, $parser->parse_errors;
	push @faults, 'no test has a result' if !%count;
	result('failed', $test // 'all', @remarks, @output, @faults) if @faults;
	printf STDERR "  %-28s %s%s\n", "$group/$program",
		join(', ', map { "$count{$_} $_" } grep { $count{$_} } qw(passed failed skipped)),
		defined $seconds ? ", $seconds s" : '';
	undef $program;
}

while (<STDIN>) {
	s/[\r\n]+$//;
	s/^\[ *\d+\.\d+\] //;
	if (/^### begin (\S+)/) {
		begin($1);
	} elsif (/^### end \S+ (\d+) (\d+)/) {
		finish($1, $2);
	} elsif (!defined $program) {
		begin($1, 1) if /^    # Subtest: (\S+)/;
	} elsif ($suite && /^(not )?ok \d+ (?:- )?\Q$program\E/) {
		finish($1 ? 1 : 0);
	} elsif (!/^ *K?TAP version/) {
		push @lines, $suite ? s/^    //r : $_;
	}
}
finish() if defined $program;
result('failed', 'no test ran') if !$total;
