# NexBackup::FaultDamage
#   Damage of every kind to every file and directory of a repository, and what
#   must hold then.
#
#   Not a list of what is found and what not, but what a user relies on: what
#   verify calls good, can be had; what comes out is right; a backup made now
#   is good; and expire takes nothing that is needed when the damage is undone.
package NexBackup::FaultDamage;

use strict;
use warnings;

use Exporter qw(import);
use File::Basename qw(dirname);
use File::Copy qw(move);
use File::Path qw(make_path);
use JSON::PP ();
use NexBackup::Faults;
use NexBackup::Test;
use POSIX ();

our @EXPORT = qw(damage_trials);

my @ways = qw(flip truncate empty extend zero remove swap unreadable directory link dangling fifo);
my @directory_ways = qw(renamed removed unreadable unwritable link file);

# Every file and every directory, in every way.  By their number in the list, as no two worlds have
# the same names.
sub damage_trials
{
	my ($world, @repositories) = @_;
	my @trials;

	for my $which (@repositories)
	{
		my @files = all_files("$world->{template}/$which");
		my @directories = directories_of("$world->{template}/$which");
		for my $n (0 .. $#files)
		{
			push @trials, map { damage_trial($which, \&all_files, $n, $_, $files[$n]) } @ways;
		}
		for my $n (0 .. $#directories)
		{
			push @trials, map { damage_trial($which, \&directories_of, $n, $_, $directories[$n]) } @directory_ways;
		}
	}
	return @trials;
}

sub directories_of
{
	my ($root) = @_;
	my %found;

	for my $file (all_files($root))
	{
		while ($file =~ m{^(.*)/})
		{
			$found{ $file = $1 } = 1;
		}
	}
	return sort keys %found;
}

sub damage_trial
{
	my ($which, $list, $n, $way, $example) = @_;
	my ($kind) = $example =~ m{^([^/]+)};

	return { part => 'damage', row => $which, column => $way, name => "damage $which $kind#$n $way",
		run => sub {
			my ($world) = @_;
			my $path = ($list->("$world->{template}/$which"))[$n];

			# Two objects may lie in one directory here, and in two in the world that was counted.
			return { code => -1, hit => '', err => 'no such directory here', seconds => 0 } if !defined $path;
			return try_damage($world, $which, $path, $way);
		} };
}

# Do it; a sub that undoes it.
sub damage
{
	my ($world, $which, $path, $way) = @_;
	my $root = "$world->{trial}/$which";
	my $full = "$root/$path";
	my $aside = "$world->{trial}/aside";

	return damage_directory($full, $aside, $way) if -d $full;
	my $bytes = read_bytes($full);
	my $mode = (stat $full)[2] & 07777;
	my $back = sub {
		# A backup that failed its verification may have been removed, and what it alone needed.
		system('rm', '-rf', $full);
		make_path(dirname($full));
		write_bytes($full, $bytes);
		chmod $mode, $full;
	};
	if ($way =~ /^(?:flip|truncate|empty|extend|remove)$/)
	{
		damage_file($full, $way);
	}
	elsif ($way eq 'zero')
	{
		my $changed = $bytes;
		my $length = length $bytes > 512 ? 512 : length $bytes;
		substr($changed, int((length($bytes) - $length) / 2), $length) = "\0" x $length;
		write_bytes($full, $changed);
	}
	elsif ($way eq 'swap')
	{
		my ($suffix) = $path =~ /(\.[a-z0-9.]+)$/;
		my ($other) = grep { $_ ne $path && /\Q$suffix\E$/ } reverse all_files($root);
		return undef if !defined $other;
		my $others = read_bytes("$root/$other");
		return undef if $others eq $bytes;
		write_bytes($full, $others);
		write_bytes("$root/$other", $bytes);
		return sub {
			$back->();
			make_path(dirname("$root/$other"));
			write_bytes("$root/$other", $others);
		};
	}
	elsif ($way eq 'unreadable')
	{
		chmod 0, $full;
	}
	else
	{
		$way eq 'link' ? move($full, $aside) : unlink $full;
		$way eq 'directory' ? mkdir($full) : $way eq 'fifo' ? POSIX::mkfifo($full, 0600) : symlink($aside, $full);
	}
	return $back;
}

sub damage_directory
{
	my ($full, $aside, $way) = @_;
	my $mode = (stat $full)[2] & 07777;

	if ($way =~ /^un/)
	{
		chmod $way eq 'unreadable' ? 0 : 0500, $full;
		return sub { chmod $mode, $full };
	}
	my $away = $way eq 'renamed' ? "$full.old" : $aside;
	rename $full, $away or die "$full: $!";
	symlink($away, $full) if $way eq 'link';
	write_bytes($full, 'a file') if $way eq 'file';
	return sub {
		# What was made in its place meanwhile stays, beside what was there.
		unlink $full if -l $full || -f $full;
		return if !-d $away;
		system('cp', '-a', "$away/.", $full) == 0 or die 'cp';
		system('rm', '-rf', $away) == 0 or die 'rm';
	};
}

# What is not there is no backup: that is how a backup is removed.
sub removes_backups
{
	my ($path, $way) = @_;

	return $way eq 'remove' && $path =~ /\.json$/ || $way eq 'removed' && $path !~ /^objects/;
}

# Everything that can be had of what is listed is right; "good" is what verify said of all of it.
sub look_at
{
	my ($world, $which, $good, $ids) = @_;
	my @problems;

	for my $id (@{ $ids->{database} })
	{
		my $expected = $world->{export}{"$which $id"} // $world->{export}{3};
		my $text = exported($world, $which, $id);
		push @problems, [ 'false success', "verify calls all good, and $id cannot be exported" ] if !defined $text && $good;
		push @problems, [ 'false success', "an export of $id differs" ] if defined $text && $text ne $expected;
	}
	if (@{ $ids->{globals} })
	{
		my $text = globals_exported($world, $which);
		push @problems, [ 'false success', 'verify calls all good, and the globals cannot be exported' ] if !defined $text && $good;
		push @problems, [ 'false success', 'an export of the globals differs' ] if defined $text && $text ne $world->{globals};
	}
	return @problems;
}

sub failed_ids
{
	my ($world, $which) = @_;
	my %failed;

	for my $kind ([ 'database', 'list' ], [ 'globals', 'globals', 'list' ], [ 'config', 'config', 'list' ])
	{
		my ($name, @verb) = @$kind;
		my $list = eval { JSON::PP->new->utf8->decode(run_tool($world, [ @verb, '--json', repo_options($world, $which) ])->{out}) } or next;
		$failed{$name}{ $_->{backup} } = 1 for grep { ($_->{verified}{result} // '') eq 'failed' || ($_->{state} // '') ne 'complete' } @{ $list->{backups} };
	}
	return %failed;
}

sub try_damage
{
	my ($world, $which, $path, $way) = @_;
	my (@problems, @hung);
	my $run = sub {
		my $result = run_tool($world, [ @_, repo_options($world, $which) ]);
		push @problems, [ 'hang', "$_[0] after $result->{seconds} s" ] if $result->{hung};
		push @problems, [ 'other', "$_[0]: exit $result->{code}: $result->{err}" ] if !grep { $result->{code} == $_ } 0, 1, 3, 4;
		return $result;
	};

	fresh_trial($world);
	my $undo = damage($world, $which, $path, $way);
	return { code => -1, hit => '', err => 'nothing to swap with', seconds => 0 } if !defined $undo;

	# Before anybody knows of it, and again at the end.
	$run->('expire', '--keep-minimum=100');
	my $verify = $run->('verify', '-j', 2);
	my $ids = list_ids($world, $which);
	push @problems, [ 'other', "what may not be read is called damaged: $verify->{out}$verify->{err}" ]
	  if $way eq 'unreadable' && $verify->{code} == 3;
	push @problems, look_at($world, $which, $verify->{code} == 0, $ids) if defined $ids;
	push @problems, [ 'false success', 'verify calls all good, and nothing can be listed' ] if !defined $ids && $verify->{code} == 0;

	# The latest of what is listed, into a database.
	if (int(rand(4)) == 0)
	{
		my $restore = $run->('restore', 'mini', '--to', 'back', '-j', 2);
		my ($n) = defined $ids ? grep { $world->{ids}{$which}{database}[ $_ - 1 ] eq ($ids->{database}[-1] // '') } 1, 2 : ();
		push @problems, [ 'false success', 'the restored database differs' ]
		  if $restore->{code} == 0 && dump_text('back') ne $world->{dump}[ $n // 0 ];
		query('postgres', 'DROP DATABASE IF EXISTS back WITH (FORCE)');
	}

	# A new backup: good, or refused.
	my $backup = $run->('backup', '-d', 'mini', '-j', 2);
	if ($backup->{code} == 0)
	{
		my ($id) = $backup->{out} =~ m{^backup mini/(\S+):}m;
		my $again = $run->('verify', "mini/$id");
		push @problems, [ 'false success', "a new backup is not good: $again->{out}$again->{err}" ] if $again->{code} == 3 && $again->{out} !~ /^mini\S+: ok /m;
		my $text = exported($world, $which, $id);
		push @problems, [ 'false success', 'a new backup ' . (defined $text ? 'differs' : 'cannot be read') ]
		  if !defined $text || $text ne $world->{export}{3};
	}
	# What has failed its verification counts for no rule.
	my %failed = $verify->{code} == 3 ? failed_ids($world, $which) : ();
	$run->('expire', '--keep-minimum=100');

	# As if it had never been: nothing is missing.
	$undo->();
	if (!removes_backups($path, $way))
	{
		my $result = { code => 0, hung => 0, hit => '', seconds => 0 };
		push @problems, map { [ $_->[0], "with the damage undone: $_->[1]" ] } common_problems($world, $which, $result, %failed);
		my $next = $run->('backup', '-d', 'mini', '-j', 2);
		push @problems, [ 'other', "with the damage undone: backup: exit $next->{code}: $next->{err}" ] if $next->{code} != 0;
	}
	return ({ %$verify, hit => "$path $way" }, @problems);
}

1;
