# NexBackup::Hostile
#   A tenant that puts commands into everything it can name, set, comment or store.
#
#   tests/fixtures/hostile/places.txt lists the places, @payloads here what is put there; each pair
#   has a number, and its payload a detonator of that number: SQL creates the role pwned_N, a shell
#   touches the file N.  planted() tells which of them the server took.  After a restore, quiet()
#   looks for every sign that one of them ran, and names its place, its payload and the path.
#
#   By default each place gets some of the payloads, in turn; NEXB_HOSTILE=all puts all of them
#   everywhere, and NEXB_HOSTILE=N puts N.
package NexBackup::Hostile;

use strict;
use warnings;

use Encode ();
use Exporter qw(import);
use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use Test::More;

our @EXPORT = qw(
  hostile_server hostile_roles payload payload_count unseen_characters text_payloads list_payloads literal identifier plant_zoo plant
  plant_settings quiet fired watch_from roles_now new_number forget_number database_quoted);

# Files that shells make: a short path, as names have 63 bytes.
my $directory;
my $node;
my $number = 100;
my %what;    # of a number
my $log_from = 0;
my $baseline;

# ---------------------------------------------------------------- payloads

# NNN is the number, DIR the directory.  "name" payloads stay within 63 bytes.
my $sql = 'CREATE ROLE pwned_NNN;';
my @payloads = (
	[ 'semicolon', "x;$sql--" ],
	[ 'single quote', "';$sql--" ],
	[ 'double quote', "\";$sql--" ],
	[ 'newline', "\n;$sql\n--" ],
	[ 'CR LF', "\r\n;$sql\r\n" ],
	[ 'CR', "\r;$sql\r--" ],
	[ 'dollar quote', "\$\$;$sql\$\$" ],
	[ 'dollar quote of pg_dump', "\$_\$;$sql--\n\$_\$" ],
	[ 'dollar tag', "\$a\$';$sql--\$a\$" ],
	[ 'end of a comment', "*/;$sql/*" ],
	[ 'backslash quote', "\\';$sql--" ],
	[ 'two backslashes and a quote', "\\\\';$sql--" ],
	[ 'doubled single quote', "'';$sql--" ],
	[ 'doubled double quote', "\"\";$sql--" ],
	[ 'shell command', "\n\\! touch DIR/NNN\n" ],
	[ 'shell command after CR', "\r\\! touch DIR/NNN\r\n" ],
	[ 'end of the rows', "\n\\.\n;$sql\n" ],
	[ 'output to a program', "\n\\o |touch DIR/NNN\n\n;\n" ],
	[ 'query to a program', ";SELECT 1\n\\g |touch DIR/NNN\n" ],
	[ 'COPY by psql', "\n\\copy (select 1) to program 'touch DIR/NNN'\n" ],
	[ 'set by a program', "\n\\set x `touch DIR/NNN`\n" ],
	[ 'unrestrict', "\n\\unrestrict x\n\\! touch DIR/NNN\n" ],
	[ 'restrict', "\n\\restrict x\n\\! touch DIR/NNN\n" ],
	[ 'gexec', ";SELECT 'CREATE ROLE pwned_NNN'\n\\gexec\n" ],
	[ 'connect', "\n\\c postgres postgres\n;$sql\n" ],
	[ 'backticks', '`touch DIR/NNN`' ],
	[ 'command substitution', '$(touch DIR/NNN)' ],
	[ 'variable of psql', ":'HOME':\"HOME\":{?x};$sql" ],
	[ 'format()', "%I%s%L%1\$s%%%n;$sql--" ],
	[ 'format() and a quote', "%1\$L';$sql--%I" ],
	[ 'terminal', "\x1b]0;pwned_NNN\x07\x1b[2J';$sql--" ],
	[ 'C1 controls', "\x{9b}2J\x{9d}0;x\x{9c}';$sql--" ],
	[ 'right to left', "\x{202e}\x{2066}';$sql--" ],
	[ 'lookalikes', "\x{2019}\x{ff07}\x{2028}\x{ff1b};$sql\x{2014}" ],
	[ 'escapes', "\\047;\\x27;\\u0027;$sql--" ],
	[ 'U& escapes', "U&'\\0027;$sql--" ],
	[ 'NUL escape', "\\000\\x00\\u0000';$sql--" ],
	[ 'list of names', ",a;CREATE/**/ROLE/**/pwned_NNN;--" ],
	[ 'one name of a list', 'a;CREATE/**/ROLE/**/pwned_NNN;--' ],
	[ 'closing parenthesis', "');$sql--" ],
	[ 'value of a sequence', "1, true);\n$sql\nSELECT (1" ],
	[ 'comment of pg_dump', "x\n$sql\n-- Name: y; Type: TABLE" ],
	[ 'table of contents', "x\n9; 1 2 TABLE - x y\n;$sql" ],
	[ 'open comment', "/*';$sql--" ],
	[ 'name of two parts', "a\".\"b';$sql--" ],
	[ 'pattern', "*?[a-z]{1}|(;$sql" ],
	[ 'JSON', "\",\"x\":\"\\u0000\n';$sql" ],
	[ 'option', "--file=DIR/NNN -c $sql" ],
	[ 'connection string', "x' host='DIR' dbname='\n;$sql" ],
	[ 'path', "../../../DIR/NNN" ],
	[ 'all quotes', "'\"\$\$*/\n\\.\n;$sql\n\\! touch DIR/NNN\n--" ],
	# From here on too long for a name.
	[ 'COPY to a program', "';\n;COPY (SELECT 1) TO PROGRAM 'touch DIR/NNN'; --\n\\.\n;COPY (SELECT 1) TO PROGRAM 'touch DIR/NNN';\n" ],
	[ 'superuser', "';ALTER ROLE eve SUPERUSER; ALTER ROLE joe SUPERUSER; ALTER ROLE olga SUPERUSER;$sql--" ],
	[ 'block', "';DO \$x\$BEGIN EXECUTE 'CREATE ROLE pwned_NNN'; END\$x\$;--" ],
	[ 'every end at once', "x')]}>'\"\$\$\$_\$\$a\$\$b\$*/;$sql\n\\.\n\\.\r\n;$sql\r\n\\unrestrict\n\\! touch DIR/NNN\n\\\\! touch DIR/NNN\n--';$sql\"\n" ],
	[ 'many lines', ("line\n\\.\n;$sql\n\\! touch DIR/NNN\n" x 40) ],
	[ 'ALTER SYSTEM', "';ALTER SYSTEM SET work_mem = '77kB';$sql--" ]);

# What set_config() takes for a list of names, none of them with a blank or comma outside quotes.
my @lists = (
	[ 'unquoted command', 'public;CREATE/**/ROLE/**/pwned_NNN;--' ],
	[ 'unquoted command in the middle', 'a,b;CREATE/**/ROLE/**/pwned_NNN;--,c' ],
	[ 'single quotes', 'a\';CREATE/**/ROLE/**/pwned_NNN;--\'' ],
	[ 'quoted, with a newline', "\"a\n;CREATE ROLE pwned_NNN;\n--\"" ],
	[ 'quoted, with a quote', '"a"";CREATE ROLE pwned_NNN;--"' ],
	[ 'quoted, with both', '"a\'"";CREATE ROLE pwned_NNN;--"' ],
	[ 'quoted after unquoted', 'a, "b\';CREATE ROLE pwned_NNN;--"' ],
	[ 'parentheses', 'a);CREATE/**/ROLE/**/pwned_NNN;--' ],
	[ 'dollar quote', 'a$$;CREATE/**/ROLE/**/pwned_NNN;--$$' ],
	[ 'format()', 'a%1$s%I%L;CREATE/**/ROLE/**/pwned_NNN;--' ],
	[ 'shell command', "\"\n\\! touch DIR/NNN\n\"" ],
	[ 'backslash', 'a\\\\\';CREATE/**/ROLE/**/pwned_NNN;--' ],
	[ 'empty name', '"",a;CREATE/**/ROLE/**/pwned_NNN;--' ],
	[ 'blank names', '" ","  ;CREATE ROLE pwned_NNN;--"' ],
	[ 'upper case', '"A b", public;CREATE/**/ROLE/**/"pwned_NNN";--' ],
	[ 'equals sign', 'a=b;CREATE/**/ROLE/**/pwned_NNN;--' ]);

sub filled
{
	my ($pattern, $n) = @_;

	$pattern =~ s/NNN/$n/g;
	$pattern =~ s/DIR/$directory/g;
	return $pattern;
}

sub payload_count { return scalar @payloads }

sub short_payloads
{
	return grep { length(Encode::encode_utf8(filled($_->[1], 99999))) <= 63 } @payloads;
}

sub text_payloads { return @payloads }
sub list_payloads { return @lists }

# A new number for a place, and the payload with it.
sub payload
{
	my ($place, $payload) = @_;
	my $n = new_number("$place / $payload->[0]");

	return ($n, filled($payload->[1], $n));
}

sub new_number
{
	my ($description) = @_;

	$what{ ++$number } = $description;
	return $number;
}

sub forget_number { delete $what{ $_[0] }; return }

# ----------------------------------------------------------------- writing

# Both are plain ASCII without any character that means something to psql.
sub escaped
{
	my ($text) = @_;

	return join('', map { /[A-Za-z0-9 _]/ ? $_ : ord($_) > 0xffff ? sprintf('\\+%06X', ord $_) : sprintf('\\%04X', ord $_) } split(//, $text));
}

sub literal { return "U&'" . escaped($_[0]) . "'" }
sub identifier { return 'U&"' . escaped($_[0]) . '"' }

# A name of operator characters that says the number.
sub operator_name
{
	my ($n) = @_;
	my @digits = ('~', '!', '@', '#', '%', '^', '&', '|', '`', '?');

	return '@' . join('', map { $digits[$_] } split(//, $n)) . '`|';
}

# Characters that are not seen are characters.
sub unseen_characters
{
	my $repo = new_repository();
	my $code;

	query('postgres', 'CREATE DATABASE unseen TEMPLATE template0');
	query('unseen', 'CREATE SEQUENCE ' . identifier("\x{202e}\x{2028}"));
	tool('backup', '--repo', $repo, '-d', 'unseen');
	($code) = tool('verify', '--repo', $repo, 'unseen');
	query('postgres', 'DROP DATABASE unseen');
	is($code, 0, 'a name of characters that are not seen');
	return;
}

# ---------------------------------------------------------------- planting

sub places
{
	my @places;

	for my $block (split /\n\n+/, read_bytes(top() . '/tests/fixtures/hostile/places.txt'))
	{
		next if $block =~ /^#/;
		my ($head, @statements) = split /\n/, $block;
		my ($name, $role, $kind, $more) = split / \| /, $head;
		push @places, { name => $name, role => $role, kind => $kind, more => $more // '', statements => \@statements };
	}
	return @places;
}

# The statements of one place with one payload.
sub statements_of
{
	my ($place, $payload, $n, $text, $database) = @_;
	my %with = (
		I => identifier($text),
		L => literal($text),
		B => literal("$text\n"),
		P => literal($text),
		Q => literal("host=127.0.0.1 port=1 application_name='" . ($text =~ s/([\\'])/\\$1/gr) . "'"),
		N => $n,
		S => "s$n",
		M => "m$n",
		O => operator_name($n),
		DB => database_quoted($database));

	return map { (my $one = $_) =~ s/\{([A-Z]+)\}/$with{$1} \/\/ die "no $1"/ge; $one } @{ $place->{statements} };
}

sub database_quoted
{
	my ($name) = @_;

	$name =~ s/"/""/g;
	return qq("$name");
}

# Run blocks of statements as a role, each block as a whole or not at all; which of them were taken.
sub plant
{
	my ($database, $role, $setup, @blocks) = @_;
	my ($in, $out, $err) = ("\\set VERBOSITY terse\nSET client_min_messages = error;\n$setup\n", '', '');
	my %taken;

	for my $block (@blocks)
	{
		my ($n, @statements) = @$block;

		$in .= "BEGIN;\n" . join('', map { s/;?$/;/r . "\n" } @statements) . "COMMIT;\n\\echo \@$n :ERROR :LAST_ERROR_MESSAGE\n";
		# COMMIT of a failed transaction is no error, so that the last of it is asked for.
		$in =~ s/COMMIT;\n(\\echo \@\Q$n\E) :ERROR :LAST_ERROR_MESSAGE\n\z/SELECT 1 AS fine \\gset x_$n\_\nCOMMIT;\n$1 :x_$n\_fine\n/;
	}
	$in =~ s/^(SELECT .*);$/$1 \\g \/dev\/null/mg;
	IPC::Run::run([ 'psql', '-XAtq', '-U', $role, '-d', NexBackup::Test::conninfo($database), '-f', '-' ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(300));
	$taken{$1} = 1 while $out =~ /^\@(\d+) 1$/mg;
	write_bytes("$directory.planted.$role.log", $err) if $ENV{NEXB_HOSTILE_LOG};
	return \%taken;
}

# All places of a database, as the roles that have them.  Fails the test for a place that takes nothing.
sub plant_zoo
{
	my ($database, %options) = @_;
	my $how_many = $ENV{NEXB_HOSTILE} // '';
	my %labels = label_settings();
	my (%blocks, %of_place, %counts);
	my $turn = 0;

	for my $place (places())
	{
		my $list = $place->{name} =~ /list from the session/;
		my @fitting = $list ? @lists : $place->{kind} eq 'name' ? short_payloads() : @payloads;
		my $most = $how_many eq 'all' ? @fitting : $how_many =~ /^\d+$/ ? $how_many : ($options{each} || 6);

		next if $place->{more} eq 'label' && !%labels;
		next if defined $options{only} && $place->{name} !~ $options{only};
		# In turn, so that each payload comes to many places.
		for my $i (0 .. ($most < @fitting ? $most : @fitting) - 1)
		{
			my $payload = $fitting[ ($turn + $i) % @fitting ];
			my ($n, $text) = payload($place->{name}, $payload);

			push @{ $blocks{ $place->{role} } }, [ $n, statements_of($place, $payload, $n, $text, $database) ];
			$of_place{$n} = $place;
		}
		$turn += $most;
	}
	for my $role ('super', 'olga', 'joe')
	{
		next unless $blocks{$role};
		my $taken = plant($database, $role eq 'super' ? 'postgres' : $role,
			'SET search_path = j; SET check_function_bodies = off;', @{ $blocks{$role} });
		for my $block (@{ $blocks{$role} })
		{
			my $place = $of_place{ $block->[0] };

			$counts{ $place->{name} }[0] += $taken->{ $block->[0] } ? 1 : 0;
			$counts{ $place->{name} }[1]++;
			forget_number($block->[0]) unless $taken->{ $block->[0] };
		}
	}
	my @empty = grep { $counts{$_}[0] == 0 } sort keys %counts;
	my %may_fail = map { ($_->{name} => $_->{more} eq 'may fail') } places();
	my ($taken, $all) = (0, 0);
	for my $name (sort keys %counts)
	{
		$taken += $counts{$name}[0];
		$all += $counts{$name}[1];
		diag("place \"$name\": only $counts{$name}[0] of $counts{$name}[1] payloads were taken")
		  if $counts{$name}[0] < $counts{$name}[1] && !$may_fail{$name};
	}
	note("$taken of $all payloads were taken at " . scalar(keys %counts) . " places; refused everywhere: "
		  . (join(', ', @empty) || 'none'));
	is(join(', ', grep { !$may_fail{$_} } @empty), '', 'each place took some of the payloads');
	return $taken;
}

# ---------------------------------------------------------------- settings

# Settings that keep a role from its sessions, or that cannot be of a role.
my %never = map { ($_ => 1) } qw(local_preload_libraries session_preload_libraries role session_authorization);

sub settable
{
	return split /\n/, query('postgres', <<'SQL');
SELECT name FROM pg_catalog.pg_settings WHERE context IN ('user', 'backend') AND vartype = 'string' ORDER BY name
SQL
}

# Each role eve_N sets all that it can to one payload, in the database and everywhere.
sub plant_settings
{
	my ($database) = @_;
	my @all = (map({ [ 'text', $_ ] } @payloads), map({ [ 'list', $_ ] } @lists));
	my @names = settable();
	my $into = database_quoted($database);
	my $count = 0;
	my @olga;

	# Settings that no module knows need a grant.
	query('postgres', join('; ', map { "GRANT SET ON PARAMETER $_ TO PUBLIC" } 'x.y', 'a.b', map { "c.s$_" } 0 .. $#all));
	for my $i (0 .. $#all)
	{
		my ($kind, $payload) = @{ $all[$i] };
		my (@blocks, %numbers);

		query('postgres', "CREATE ROLE eve_$i LOGIN");
		for my $name (@names, 'x.y', 'a.b')
		{
			for my $where ("ALTER ROLE eve_$i IN DATABASE $into", "ALTER ROLE eve_$i")
			{
				my ($n, $text) = payload("setting $name by $where", $payload);

				$text = "<$text>3" if $name =~ /timezone/i;
				push @blocks, $kind eq 'text' ? [ $n, "$where SET $name TO " . literal($text) ]
				  : [ $n, "SELECT pg_catalog.set_config(" . literal($name) . ', ' . literal($text) . ', false)', "$where SET $name FROM CURRENT" ];
				$numbers{$n} = 1;
			}
		}
		my $taken = plant($database, "eve_$i", '', @blocks);
		$count += keys %$taken;
		forget_number($_) for grep { !$taken->{$_} } keys %numbers;

		# The owner of the database: as many custom settings as payloads, and what is no custom one.
		my ($n, $text) = payload("setting of the database c.s$i", $payload);
		push @olga, [ $n, "ALTER DATABASE $into SET c.s$i TO " . literal($text) ];
		($n, $text) = payload('a setting\'s name', $payload);
		push @olga, [ $n, "ALTER DATABASE $into SET " . identifier("c.$text") . ' TO ' . literal($text) ];
	}
	for my $name (grep { !$never{$_} && $_ ne 'client_encoding' } @names)
	{
		my ($n, $text) = payload("setting of the database $name", $name eq 'search_path' || $name eq 'temp_tablespaces' ? $lists[0] : (grep { $_->[0] eq 'all quotes' } @payloads)[0]);
		push @olga, [ $n, 'SELECT pg_catalog.set_config(' . literal($name) . ', ' . literal($text) . ', false)', "ALTER DATABASE $into SET $name FROM CURRENT" ];
		($n, $text) = payload("setting of the database $name", (grep { $_->[0] eq 'all quotes' } @payloads)[0]);
		push @olga, [ $n, "ALTER DATABASE $into SET $name TO " . literal($name =~ /timezone/i ? "<$text>3" : $text) ]
		  unless $name eq 'search_path' || $name eq 'temp_tablespaces';
	}
	my $taken = plant($database, 'olga', '', @olga);
	forget_number($_) for grep { !$taken->{$_} } map { $_->[0] } @olga;
	$count += keys %$taken;
	cmp_ok($count, '>', 1000, "$count hostile settings were taken");
	cmp_ok(query('postgres', q(SELECT count(*) FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(setconfig) c)
			. q( WHERE c LIKE 'search_path=%;CREATE/**/ROLE%')), '>', 10, 'lists of names hold commands outside quotes');
	return $count;
}

# --------------------------------------------------------------- the server

# A server with the three of them, and a database of olga's.
sub hostile_server
{
	my ($name, %settings) = @_;

	$directory ||= File::Temp::tempdir('/tmp/zXXXX', CLEANUP => 1);
	$node = start_server($name, label_settings(), %settings);
	watch_from($node);
	return $node;
}

# From now on this server is the one that is looked at, and these are the roles with power.
sub watch_from
{
	my ($server, $roles) = @_;

	$node = $server;
	$log_from = -s $node->logfile || 0;
	$baseline = $roles // roles_now();
	return;
}

sub hostile_roles
{
	my ($database) = @_;
	my $quoted = database_quoted($database);

	query('postgres', "CREATE ROLE $_ LOGIN") for qw(eve joe olga);
	query('postgres', "CREATE DATABASE $quoted TEMPLATE template0 OWNER olga");
	query($database, <<'SQL');
CREATE SCHEMA j AUTHORIZATION joe;
CREATE TABLE public.olga_table (v text);
ALTER TABLE public.olga_table OWNER TO olga;
CREATE FUNCTION public.no_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE FOREIGN DATA WRAPPER hostile_wrapper;
GRANT USAGE ON FOREIGN DATA WRAPPER hostile_wrapper TO joe;
CREATE SERVER hostile_server FOREIGN DATA WRAPPER hostile_wrapper;
GRANT USAGE ON FOREIGN SERVER hostile_server TO joe;
ALTER DEFAULT PRIVILEGES FOR ROLE joe GRANT SELECT ON TABLES TO eve;
SQL
	query($database, 'SET ROLE joe; CREATE FUNCTION j.trigger_function() RETURNS trigger LANGUAGE plpgsql AS \'BEGIN RETURN new; END\'');
	query($database, 'GRANT CREATE ON SCHEMA public TO olga');
	return;
}

# ------------------------------------------------------------------- signs

sub roles_now
{
	return query('postgres', <<'SQL');
SELECT pg_catalog.format('%L superuser %s, createrole %s, createdb %s', rolname, rolsuper, rolcreaterole, rolcreatedb)
FROM pg_catalog.pg_roles WHERE rolname !~ '^pwned_' AND (rolsuper OR rolcreaterole OR rolcreatedb) ORDER BY 1
SQL
}

# Whatever ran since the last look, by number or in words; the traces are removed.
sub signs
{
	my @signs;
	my $log = '';

	for my $role (split /\n/, query('postgres', q(SELECT rolname FROM pg_catalog.pg_roles WHERE rolname ~ '^pwned_' ORDER BY 1)))
	{
		my ($n) = $role =~ /(\d+)/;
		push @signs, 'SQL ran: ' . ($what{$n} // $role);
		query('postgres', 'DROP ROLE ' . database_quoted($role));
	}
	for my $file (glob("$directory/*"))
	{
		my ($n) = $file =~ m{([^/]+)$};
		push @signs, 'a shell ran: ' . ($what{$n} // $file);
		unlink $file;
	}
	my $roles = roles_now();
	if ($roles ne $baseline)
	{
		push @signs, "roles are\n$roles\nand were\n$baseline";
		query('postgres', "ALTER ROLE $_ NOSUPERUSER NOCREATEROLE NOCREATEDB")
		  for grep { query('postgres', "SELECT count(*) FROM pg_catalog.pg_roles WHERE rolname = '$_'") } qw(eve joe olga);
		$baseline = roles_now();
	}
	push @signs, 'ALTER SYSTEM ran' if read_bytes($node->data_dir . '/postgresql.auto.conf') =~ /77kB/;

	# A detonator that ran without the right to succeed.
	open(my $in, '<:raw', $node->logfile) or die;
	seek($in, $log_from, 0);
	{
		local $/;
		$log = <$in> // '';
	}
	$log_from = tell($in);
	close $in;
	my %code = map { ($_ => 1) } $log =~ /code of number (\d+) runs with the rights of (?!%)/g;
	push @signs, map { 'SQL ran: ' . ($what{$_} // $_) } sort keys %code;
	push @signs, "the server's log: $1" while $log =~ /(ERROR:  (?:permission denied to create role|must be superuser to|syntax error|role "pwned_\d+" already)[^\n]*\n(?:[^\n]*(?:CONTEXT|STATEMENT|QUERY):[^\n]*\n(?:\t[^\n]*\n)*)?)/g;
	return @signs;
}

# The places whose detonators ran, as new_number() was told of them.
sub fired
{
	my %places = map { ((/^(?:SQL|a shell) ran: (.*)/s ? $1 : $_) => 1) } signs();

	return sort keys %places;
}

my $most = 8;

# Nothing of what was planted ran.
sub quiet
{
	my ($path, $except) = @_;
	my @signs = grep { !defined $except || $_ !~ $except } signs();

	ok(!@signs, "$path: nothing ran") and return 1;
	diag("$path: " . scalar(@signs) . ' signs that something ran');
	diag("  $_") for @signs > $most ? (@signs[ 0 .. $most - 1 ], '…') : @signs;
	return 0;
}

1;
