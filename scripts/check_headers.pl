#!/usr/bin/perl
# check_headers.pl
#   Finds headers that are of too many files' concern.
#
#   A header declares functions of two sources at most, so that a name leads to its source, and whoever needs one part of
#   a folder does not depend on all.  A group of settings (tool/settings/*_settings.h) is known by 40 objects at most,
#   through whatever headers: that many are compiled again when an option is added to it.  Groups are small for that reason,
#   and all_settings.h is for those who fill them.
#
#   check_headers.pl              the tree
#   check_headers.pl --self-test  headers planted in a tree are found
#   check_headers.pl --list       how many objects know each group of settings, for people
use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Find ();

chdir(dirname(__FILE__) . '/..') or die "chdir: $!";

my $most_sources = 2;
my $most_objects = 40;

sub slurp
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!";
	local $/;
	return scalar <$in>;
}

# The functions that a source defines for others: a name at the beginning of a line, after a type that is not static.
sub defined_in
{
	my ($text) = @_;
	my @names;

	while ($text =~ /^(\w[^\n]*)\n(\w+)\(/mg)
	{
		my ($type, $name) = ($1, $2);
		push @names, $name unless $type =~ /\bstatic\b|^#/;
	}
	return @names;
}

sub declared_in { return $_[0] =~ /^extern\s[^;(]*?\b(\w+)\(/mg; }

# The objects that know a header, by its name.
sub known_by
{
	my ($files, $header) = @_;
	my %includes = map { $_ => { map { $_ => 1 } $files->{$_} =~ /^\s*#\s*include\s+"([^"]+)"/mg } } keys %$files;
	my @waiting = ($header);
	my (%seen, %objects);

	while (defined(my $name = shift @waiting))
	{
		for my $path (grep { $includes{$_}{$name} } keys %includes)
		{
			next if $seen{$path}++;
			if ($path =~ /\.c$/) { $objects{$path} = 1; }
			else { push @waiting, basename($path); }
		}
	}
	return scalar keys %objects;
}

sub groups { return grep { m{^tool/settings/\w+_settings\.h$} && !m{/all_settings\.h$} } sort keys %{ $_[0] }; }

sub complaints
{
	my ($files) = @_;
	my (%source, @wrong);

	for my $path (grep { /\.c$/ } sort keys %$files)
	{
		push @{ $source{$_} }, $path for defined_in($files->{$path});
	}
	for my $path (grep { /\.h$/ } sort keys %$files)
	{
		my ($half) = $path =~ m{^([^/]+)/};
		my %of = map { $_ => 1 } grep { m{^\Q$half\E/} } map { @{ $source{$_} // [] } } declared_in($files->{$path});

		push @wrong, "$path: declares functions of " . keys(%of) . ' sources: ' . join(', ', map { basename($_) } sort keys %of)
		  if keys %of > $most_sources;
	}
	for my $path (groups($files))
	{
		my $objects = known_by($files, basename($path));
		push @wrong, "$path: $objects objects are compiled again when an option is added, more than $most_objects" if $objects > $most_objects;
	}
	return @wrong;
}

sub self_test
{
	my %good = ('tool/a/x.h' => "extern int one(void);\nextern const char *\ttwo(int a,\n\t\t\tint b);\nextern char *text;\n",
		'tool/a/one.c' => "int\none(void)\n{\n}\n", 'tool/a/two.c' => "const char *\ntwo(int a,\n\tint b)\n{\n}\n",
		'tool/a/other.c' => "static int\nthree(void)\n{\n}\n\n#define X\nthree(x)\n", 'extension/one.c' => "int\none(void)\n{\n}\n",
		'tool/settings/few_settings.h' => '', 'tool/settings/all_settings.h' => '#include "few_settings.h"',
		map({ ("tool/b/$_.c" => '#include "few_settings.h"') } 2 .. $most_objects), 'tool/b/c.c' => '#include "all_settings.h"');

	print "self-test: found: $_\n" for complaints(\%good);
	my %more = (%good, 'tool/a/x.h' => $good{'tool/a/x.h'} . "extern int three(void);\n", 'tool/a/three.c' => "int\nthree(void)\n{\n}\n");
	print "self-test: not found: three sources\n" unless complaints(\%more) == 1;
	print "self-test: not found: a group that many know\n"
	  unless complaints({ %good, 'tool/b/d.h' => '#include "few_settings.h"', 'tool/b/d.c' => '#include "d.h"' }) == 1;
	return;
}

self_test();
exit 0 if @ARGV && $ARGV[0] eq '--self-test';
my %files;
File::Find::find({ no_chdir => 1, wanted => sub { $files{$_} = slurp($_) if /\.[ch]$/ } }, 'common', 'extension', 'tool');
if (@ARGV && $ARGV[0] eq '--list')
{
	printf "%3d %s\n", known_by(\%files, basename($_)), $_ for groups(\%files);
	exit 0;
}
my @wrong = complaints(\%files);
print "$_\n" for @wrong;
exit(@wrong ? 1 : 0);
