#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-only
#
# retire.pl TREE LIST: delete from the files of TREE what LIST names, one
# "path kind name" per line. Nothing is written unless every name was found.
#
# No C parser: it relies on kernel style, where a definition starts and its
# closing brace stands in column 0. That is enough to find things by name,
# and names survive the updates that would break a patch of deleted lines.

use strict;
use warnings;

my %finder = (
	function => \&find_function,
	syscall  => \&find_syscall,
	call     => \&find_call,
	row      => \&find_row,
);

@ARGV == 2 or die "usage: retire.pl TREE LIST\n";
my ($tree, $list) = @ARGV;
my (%text, $bad);

open my $in, '<', $list or die "error: $list: $!\n";
while (<$in>) {
	next if /^\s*(#|$)/;
	my ($path, $kind, $name) = my @words = split;

	if (@words != 3 || !$finder{$kind}) {
		complain("$list:$.: not 'path function|syscall|call|row name'");
		next;
	}
	$text{$path} //= slurp("$tree/$path") or next;

	my @found = $finder{$kind}->($text{$path}, quotemeta $name);
	complain("$path: no $kind named $name") unless @found;
	# from the end, so that the line numbers of the others stay true
	cut($text{$path}, @$_) for reverse @found;
}
exit 1 if $bad;

for my $path (keys %text) {
	open my $out, '>', "$tree/$path" or die "error: $tree/$path: $!\n";
	print $out @{$text{$path}};
	close $out or die "error: $tree/$path: $!\n";
}

sub complain
{
	print STDERR "error: retire: @_\n";
	$bad = 1;
	return;
}

sub slurp
{
	my ($file) = @_;

	open my $fh, '<', $file or return complain("$file: $!");
	return [ <$fh> ];
}

# Every finder returns ranges of lines, [first, last], in ascending order.

sub find_function
{
	my ($lines, $name) = @_;

	return find_definitions($lines, qr/^[A-Za-z_].*\b$name\s*\(/);
}

sub find_syscall
{
	my ($lines, $name) = @_;

	return find_definitions($lines, qr/^SYSCALL_DEFINE\d\($name\b/);
}

sub find_definitions
{
	my ($lines, $head) = @_;
	my @found;

	for (my $i = 0; $i < @$lines; $i++) {
		next unless $lines->[$i] =~ $head;

		my $end = $i;
		$end++ until $end == @$lines || $lines->[$end] =~ /^\{|[;{]\s*$/;
		# a mere declaration
		next if $end == @$lines || $lines->[$end] =~ /;\s*$/;
		$end++ until $end == @$lines || $lines->[$end] =~ /^\}/;
		next if $end == @$lines;

		my $first = $i;
		# a return type on lines of its own
		$first-- while $first > 0 && $lines->[$first - 1] =~ /^[A-Za-z_][^;:{}()]*$/;
		push @found, [ with_comment($lines, $first), $end ];
		$i = $end;
	}
	return @found;
}

sub find_call
{
	my ($lines, $name) = @_;
	my $in_comment = 0;
	my @found;

	for (my $i = 0; $i < @$lines; $i++) {
		my $code = $lines->[$i];

		# blank out comments: they talk about functions too
		if ($in_comment) {
			$in_comment = 0 if $code =~ s{^.*?\*/}{};
			next if $in_comment;
		}
		$code =~ s{/\*.*?\*/}{}g;
		$in_comment = 1 if $code =~ s{/\*.*$}{};
		next unless $code =~ /^\s.*\b$name\s*\(/;

		my ($first, $end) = ($i, $i);
		$first-- while $first > 0 && $lines->[$first - 1] !~ m{^\s*$|[;:{}]\s*$|\*/\s*$|^#};
		$end++ until $end == @$lines || $lines->[$end] =~ /;\s*$/;
		next if $end == @$lines;

		# deleting the only statement of a condition would hand it the next one
		if ($lines->[$first] =~ /^\s*\}?\s*(if|else|for|while|do|switch|return|\w+:)\b/) {
			complain("line " . ($i + 1) . ": the call of $name is part of a larger statement");
			next;
		}
		push @found, [ with_comment($lines, $first), $end ];
		$i = $end;
	}
	return @found;
}

sub find_row
{
	my ($lines, $name) = @_;

	return map { [ $_, $_ ] }
	       grep { $lines->[$_] =~ /^\d+\s+\S+\s+$name(\s|$)/ } 0 .. $#$lines;
}

# The first line of the comment that ends directly above line $first, if any.
sub with_comment
{
	my ($lines, $first) = @_;
	my $i = $first - 1;

	return $first if $i < 0 || $lines->[$i] !~ m{\*/\s*$};
	$i-- while $i > 0 && $lines->[$i] !~ m{/\*};
	return $lines->[$i] =~ m{^\s*/\*} ? $i : $first;
}

# Delete the lines and one of the gaps around them.
sub cut
{
	my ($lines, $first, $last) = @_;
	my $blank = qr/^\s*$/;

	if ($first == 0 || $lines->[$first - 1] =~ $blank) {
		$last++ while $last < $#$lines && $lines->[$last + 1] =~ $blank;
		if ($last == $#$lines || $lines->[$last + 1] =~ /^#\s*(else|elif|endif)/) {
			$first-- while $first > 0 && $lines->[$first - 1] =~ $blank;
		}
	}
	splice @$lines, $first, $last - $first + 1;
}
