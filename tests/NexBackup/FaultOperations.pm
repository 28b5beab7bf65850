# NexBackup::FaultOperations
#   The commands that faults are tried on, and what each must have done when
#   it says that it did it, or that it did not.
#
#   fault_operations() gives a list of hashes:
#     name, which (the repository), arguments (a sub),
#     prepare, reset   what it needs before, what it leaves (subs)
#     check            given world, result and "was it undisturbed", the problems: [ kind, text ]
#     always           the command can be given once more after a success, too
package NexBackup::FaultOperations;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use NexBackup::Faults;
use NexBackup::Test;

our @EXPORT = qw(fault_operations try_operation);

# What a faulted command said of itself is false where its code is 0 and its work is not there; a
# success that is reported as a failure is one as well, unless its report is what could not be written.
sub false_success { return [ 'false success', shift ] }

sub said_nothing
{
	my ($result) = @_;

	return $result->{hit} =~ / (?:write|close) /;
}

# ---------------------------------------------------------------- backups

sub new_ids
{
	my ($world, $which, $kind) = @_;
	my $ids = list_ids($world, $which) or return undef;
	my %old = map { $_ => 1 } @{ $world->{ids}{$which}{$kind} };
	my %seen = map { $_ => 1 } @{ $world->{seen} || [] };

	return [ grep { !$old{$_} && !$seen{$_} } @{ $ids->{$kind} } ];
}

# A backup of some kind: one new id after a success, none after a failure; "good" says what is wrong with it.
sub check_new
{
	my ($world, $result, $which, $kind, $good) = @_;
	my $new = new_ids($world, $which, $kind) or return ([ 'loss', 'the repository cannot be listed' ]);
	my @problems;

	push @{ $world->{seen} }, @$new;
	return (false_success("exit 0, and $kind " . (@$new ? "@$new" : 'nothing') . ' is new')) if $result->{code} == 0 && @$new != 1;
	push @problems, [ 'other', "exit $result->{code}, and $kind @$new was published" ]
	  if $result->{code} != 0 && $result->{code} != 137 && @$new && !said_nothing($result);
	push @problems, map { false_success("$kind $new->[0] is not what it should be: $_") } $good->($new->[0]) if @$new;
	return @problems;
}

sub backup_of
{
	my ($which) = @_;

	return {
		name => $which eq 'plain' ? 'backup' : "backup, $which",
		which => $which,
		always => 1,
		arguments => sub { return [ 'backup', '-d', 'mini', '-j', 2, repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			return check_new($world, $result, $which, 'database', sub {
				my ($id) = @_;
				my $text = exported($world, $which, $id);
				return !defined $text ? 'it cannot be exported' : $text eq $world->{export}{3} ? () : 'it differs';
			});
		} };
}

sub globals_backup
{
	my ($which) = @_;

	return {
		name => 'globals backup',
		which => $which,
		always => 1,
		arguments => sub { return [ 'globals', 'backup', repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			return check_new($world, $result, $which, 'globals', sub {
				my $text = globals_exported($world, $which);
				return !defined $text ? 'they cannot be exported' : $text eq $world->{globals} ? () : 'they differ';
			});
		} };
}

# Are these files what they were, or if "half" is allowed to be asked: none of them a part?
sub files_differ
{
	my ($world, $directory, @allowed) = @_;
	my @differ;

	for my $name (sort keys %{ $world->{files} })
	{
		my $path = "$directory$world->{trial}/etc/$name";
		my $text = -e $path ? read_bytes($path) : undef;
		next if defined $text && $text eq $world->{files}{$name};
		next if grep { defined $text ? defined $_ && $_ eq $text : !defined $_ } @allowed;
		push @differ, $name;
	}
	return @differ;
}

sub config_backup
{
	my ($which) = @_;

	return {
		name => 'config backup',
		which => $which,
		always => 1,
		arguments => sub {
			my ($world) = @_;
			return [ 'config', 'backup', '--recipient', $world->{recipient}, repo_options($world, $which),
				glob("$world->{trial}/etc/*") ];
		},
		check => sub {
			my ($world, $result) = @_;
			return check_new($world, $result, $which, 'config', sub {
				my ($id) = @_;
				my $out = "$world->{trial}/out/of_$id";
				my $back = run_tool($world, [ 'config', 'restore', $id, '--yes', '--identity', "$world->{trial}/key", '--restore-dir', $out,
					repo_options($world, $which) ]);
				return "config restore: exit $back->{code}: $back->{err}" if $back->{code} != 0;
				return files_differ($world, $out);
			});
		} };
}

# ---------------------------------------------------- looking and removing

sub verify_of
{
	my ($which) = @_;

	return {
		name => $which eq 'plain' ? 'verify' : "verify, $which",
		which => $which,
		always => 1,
		arguments => sub { return [ 'verify', '-j', 2, repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			# A good repository is not damaged because it could not be read for a moment.
			return $result->{code} == 3 ? ([ 'other', "a good repository is called damaged: $result->{out}$result->{err}" ]) : ();
		} };
}

# Of a repository with a bad object, which no fault may hide.
sub verify_bad
{
	my ($which) = @_;

	return {
		name => 'verify of damage',
		which => $which,
		damaged => 1,
		prepare => sub {
			my ($world) = @_;
			my ($largest) = sort { -s $b <=> -s $a } map { "$world->{trial}/$which/$_" } grep { /^objects/ } all_files("$world->{trial}/$which");
			damage_file($largest, 'flip 60');
		},
		arguments => sub { return [ 'verify', '-j', 2, repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			return $result->{code} == 0 ? (false_success('a bad object is called good')) : ();
		} };
}

sub expire_of
{
	my ($which) = @_;

	return {
		name => $which eq 'plain' ? 'expire' : "expire, $which",
		which => $which,
		always => 1,
		removes => 1,
		arguments => sub { return [ 'expire', '--keep-daily=0', '--keep-weekly=0', '--keep-minimum=1', repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			my $ids = list_ids($world, $which) or return ([ 'loss', 'the repository cannot be listed' ]);
			my $kept = join ' ', @{ $ids->{database} };
			return ([ 'loss', 'the newest backup is not there' ]) if $kept !~ /\Q$world->{ids}{$which}{database}[-1]\E/;
			return $result->{code} == 0 && @{ $ids->{database} } != 1 ? (false_success("exit 0, and $kept are there")) : ();
		} };
}

# --------------------------------------------------------------- restores

sub drop_database { query('postgres', qq(DROP DATABASE IF EXISTS "$_[0]" WITH (FORCE))); return }

sub restore_new
{
	my ($which) = @_;

	return {
		name => $which eq 'plain' ? 'restore' : "restore, $which",
		which => $which,
		live => 1,
		arguments => sub { return [ 'restore', 'mini', '--to', 'back', '-j', 2, repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			return () if $result->{code} != 0;
			my $dump = eval { dump_text('back') } // "$@";
			return $dump eq $world->{dump}[2] ? () : (false_success('the restored database differs'));
		},
		reset => sub { drop_database('back') } };
}

# In place of the live one, which is as it was unless all is well.
sub restore_drop
{
	my ($which) = @_;

	return {
		name => 'restore --drop',
		which => $which,
		arguments => sub { return [ 'restore', 'mini', '--drop', '--yes', '-j', 2, repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			my $swapped = query('postgres', "SELECT oid FROM pg_database WHERE datname = 'mini'") ne $world->{oid};
			my @problems;
			push @problems, false_success('exit 0, and the database is the old one') if $result->{code} == 0 && !$swapped;
			push @problems, [ 'other', "exit $result->{code}, and the new database is in place" ]
			  if $result->{code} != 0 && $result->{code} != 137 && $swapped && !said_nothing($result);
			push @problems, live_problem($world) if !$swapped;
			push @problems, [ 'loss', 'the database in place is not the backup' ] if $swapped && dump_text('mini') ne $world->{dump}[2];
			push @problems, [ 'loss', 'the old database is not there' ]
			  if !query('postgres', "SELECT count(*) FROM pg_database WHERE oid = $world->{oid}");
			return @problems;
		},
		reset => sub {
			my ($world) = @_;
			my $name = query('postgres', "SELECT datname FROM pg_database WHERE oid = $world->{oid}");
			drop_database($_) for grep { /^mini/ && $_ ne $name } @{ database_names() };
			query('postgres', qq(ALTER DATABASE "$name" RENAME TO mini)) if $name ne 'mini';
			query('postgres', "ALTER DATABASE mini WITH ALLOW_CONNECTIONS true CONNECTION LIMIT -1");
		} };
}

# One table under another name, into the live database.
sub restore_part
{
	my ($which) = @_;

	return {
		name => 'restore --table',
		which => $which,
		arguments => sub { return [ 'restore', 'mini', '--table', 's.orders', '--as', 's.orders_back', repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			my $there = query('mini', "SELECT to_regclass('s.orders_back') IS NOT NULL") eq 't';
			return $result->{code} != 137 && !said_nothing($result) && $there ? ([ 'other', 'a failed restore left its table' ]) : ()
			  if $result->{code} != 0;
			return (false_success('the table is not there')) if !$there;
			my $rows = query('mini', "SELECT count(*), count(note) FROM s.orders_back");
			my $keys = query('mini', "SELECT count(*) FROM pg_constraint WHERE conrelid = 's.orders_back'::regclass");
			my $indexes = query('mini', "SELECT count(*) FROM pg_index WHERE indrelid = 's.orders_back'::regclass");
			return "$rows $keys $indexes" eq '1001|1001 1 2' ? () : (false_success("the table differs: $rows rows, $keys constraints, $indexes indexes"));
		},
		reset => sub {
			my ($world) = @_;
			query('mini', 'DROP TABLE IF EXISTS s.orders_back CASCADE; DROP SEQUENCE IF EXISTS s.orders_back_id_seq');
		} };
}

# Rows that were deleted, back into the table: all of them or none.
sub restore_append
{
	my ($which) = @_;

	return {
		name => 'restore --append',
		which => $which,
		arguments => sub { return [ 'restore', 'mini', '--table', 's.orders', '--append', '--on-conflict=skip', '--yes', repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			my $rows = query('mini', 'SELECT count(*) FROM s.orders WHERE id BETWEEN 100 AND 120');
			return (false_success("exit 0, and $rows of 21 rows are back")) if $result->{code} == 0 && $rows != 21;
			return ([ 'other', "exit $result->{code}, and $rows of 21 rows are back" ])
			  if $rows != 21 && $rows != 0 || $result->{code} != 0 && $result->{code} != 137 && $rows == 21 && !said_nothing($result);
			return ();
		},
		reset => sub { query('mini', 'DELETE FROM s.orders WHERE id BETWEEN 100 AND 120') } };
}

sub globals_restore
{
	my ($which) = @_;

	return {
		name => 'globals restore',
		which => $which,
		prepare => sub { query('postgres', 'REVOKE zz_two FROM zz_one; DROP ROLE zz_one') },
		arguments => sub { return [ 'globals', 'restore', '--yes', repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			return () if $result->{code} != 0;
			return roles_text() eq $world->{roles} ? () : (false_success('the roles differ'));
		},
		reset => sub {
			my ($world) = @_;
			query('postgres', "CREATE ROLE zz_one LOGIN") if !query('postgres', "SELECT count(*) FROM pg_roles WHERE rolname = 'zz_one'");
			query('postgres', 'GRANT zz_two TO zz_one');
		} };
}

sub config_restore
{
	my ($which) = @_;

	return {
		name => 'config restore',
		which => $which,
		always => 1,
		prepare => sub {
			my ($world) = @_;
			my $target = "$world->{trial}/out/files$world->{trial}/etc";
			system('mkdir', '-p', $target) == 0 or die 'mkdir';
			write_bytes("$target/app.env", 'an older one');
		},
		arguments => sub {
			my ($world) = @_;
			return [ 'config', 'restore', '--yes', '--identity', "$world->{trial}/key", '--restore-dir', "$world->{trial}/out/files",
				repo_options($world, $which) ];
		},
		check => sub {
			my ($world, $result) = @_;
			my @wrong = files_differ($world, "$world->{trial}/out/files", $result->{code} == 0 ? () : (undef, 'an older one'));
			return map { $result->{code} == 0 ? false_success("file $_ is not back") : [ 'loss', "file $_ is half" ] } @wrong;
		} };
}

# ---------------------------------------------------------- keys and texts

sub key_add
{
	return {
		name => 'key add',
		which => 'encrypted',
		arguments => sub { return [ 'key', 'add', '--recipient', $_[0]->{second_recipient}, repo_options($_[0], 'encrypted') ] },
		check => sub {
			my ($world, $result) = @_;
			my $list = run_tool($world, [ 'key', 'list', repo_options($world, 'encrypted') ]);
			return ([ 'loss', "key list: exit $list->{code}: $list->{err}" ]) if $list->{code} != 0;
			return ([ 'loss', 'the first recipient is not there' ]) if $list->{out} !~ /$world->{recipient}/;
			return (false_success('the recipient is not there')) if $result->{code} == 0 && $list->{out} !~ /$world->{second_recipient}/;
			return ();
		} };
}

sub export_of
{
	my ($which) = @_;

	return {
		name => $which eq 'plain' ? 'export' : "export, $which",
		which => $which,
		always => 1,
		prepare => sub { write_bytes("$_[0]->{trial}/out/mini.sql", 'an older one') },
		arguments => sub { return [ 'export', 'mini', '--yes', '-o', "$_[0]->{trial}/out/mini.sql", repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			my $text = -e "$world->{trial}/out/mini.sql" ? read_bytes("$world->{trial}/out/mini.sql") : '';
			my $good = NexBackup::Faults::plain_text($text) eq $world->{export}{"$which $world->{ids}{$which}{database}[-1]"};
			return $good ? () : (false_success('the file differs')) if $result->{code} == 0;
			return $good || $text eq 'an older one' ? () : ([ 'loss', 'what was there is gone, and the new file is half' ]);
		} };
}

sub cat_of
{
	my ($which) = @_;

	return {
		name => 'cat',
		which => $which,
		always => 1,
		arguments => sub { return [ 'cat', 'mini', '--table', 's.orders', repo_options($_[0], $which) ] },
		check => sub {
			my ($world, $result) = @_;
			return $result->{code} == 0 && $result->{out} ne $world->{rows} ? (false_success('the rows differ')) : ();
		} };
}

sub init_new
{
	return {
		name => 'init',
		which => 'plain',
		arguments => sub { return [ 'init', '--repo', "$_[0]->{trial}/fresh", '--catalogue', 'none' ] },
		check => sub {
			my ($world, $result) = @_;
			return () if $result->{code} != 0;
			my $list = run_tool($world, [ 'list', '--repo', "$world->{trial}/fresh" ]);
			return $list->{code} == 0 ? () : (false_success("list: exit $list->{code}: $list->{err}"));
		} };
}

sub fault_operations
{
	return (
		backup_of('plain'), backup_of('encrypted'), globals_backup('plain'), config_backup('plain'),
		expire_of('plain'), expire_of('encrypted'), verify_of('plain'), verify_of('encrypted'), verify_bad('plain'),
		restore_new('plain'), restore_new('encrypted'), restore_drop('plain'), restore_part('plain'), restore_append('plain'),
		globals_restore('plain'), config_restore('plain'), key_add(), export_of('plain'), export_of('encrypted'), cat_of('plain'),
		init_new());
}

# ----------------------------------------------------------------- a trial

# One trial: the command is disturbed by $disturb->($world, $arguments), which gives its result;
# the problems, and the result.
sub try_operation
{
	my ($world, $operation, $disturb) = @_;
	my $which = $operation->{which};
	my (@problems, $again);

	fresh_trial($world);
	$world->{seen} = [];
	$operation->{prepare}->($world) if $operation->{prepare};
	my $result = $disturb->($world, $operation->{arguments}->($world));
	$result->{hit} //= '';
	push @problems, [ 'other', "exit $result->{code}" ]
	  if !grep { $result->{code} == $_ } 0, 1, 3, 4, 130, 128 + 9, ($result->{err} =~ /configuration file/ ? 2 : ());
	push @problems, $operation->{check}->($world, $result);
	if ($operation->{damaged})
	{
		my $verify = verify_now($world, $which);
		push @problems, false_success("verify without a fault: exit $verify->{code}") if $verify->{code} != 3;
		push @problems, [ 'hang', "after $result->{seconds} s" ] if $result->{hung};
	}
	else
	{
		push @problems, common_problems($world, $which, $result, removed_by($world, $operation));
	}
	push @problems, live_problem($world) if $operation->{live};

	# Once more, without a hand.
	if (!$operation->{damaged} && ($operation->{always} || $result->{code} != 0))
	{
		push @problems, try_again($world, $operation, $result);
	}
	$operation->{reset}->($world, $result) if $operation->{reset};
	return ($result, @problems);
}

# Backups that a command is there to remove: all but the newest.
sub removed_by
{
	my ($world, $operation) = @_;
	my %removed;

	return () if !$operation->{removes};
	for my $kind (keys %{ $world->{ids}{ $operation->{which} } })
	{
		my @ids = @{ $world->{ids}{ $operation->{which} }{$kind} };
		pop @ids;
		$removed{$kind}{$_} = 1 for @ids;
	}
	return %removed;
}

sub try_again
{
	my ($world, $operation, $result) = @_;
	my $again = run_tool($world, $operation->{arguments}->($world));
	my @problems;

	# What was killed, or could not say so, may have been done.
	my $done = $result->{code} == 128 + 9 || said_nothing($result);
	$again->{hit} = '';
	return () if $done && $again->{code} == 1 && $again->{err} =~ /exists|already/ && !$operation->{check}->($world, { %$again, code => 0 });
	push @problems, [ 'other', "the next run: exit $again->{code}: $again->{err}" ] if $again->{code} != 0;
	push @problems, map { [ $_->[0], "the next run: $_->[1]" ] } $operation->{check}->($world, $again);
	return @problems;
}

1;
