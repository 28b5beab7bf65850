# Nothing that others can name or forge reaches a terminal as anything but text: no escape sequence,
# no carriage return, no turn of the direction, from any command; and JSON stays JSON.
use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use File::Temp ();
use JSON::PP ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my $work = File::Temp::tempdir(CLEANUP => 1);
my $repo = new_repository();

# ESC, BEL, CR, newline, C1 CSI, an override of the direction, something invisible.
my $evil = "x\033]0;P\007\r\n\xc2\x9b31m\xe2\x80\xaey\xe2\x80\x8b";
my $quoted = $evil =~ s/"/""/gr;

sub clean
{
	my ($name, $text) = @_;
	my @found;

	push @found, sprintf('%02x', ord $1) while $text =~ /([\x00-\x08\x0b-\x1f\x7f])/g;
	(my $decoded = $text) =~ s/\r?\n/\n/g;
	push @found, 'no UTF-8' unless utf8::decode($decoded);
	push @found, sprintf('U+%04X', ord $1)
	  while $decoded =~ /([\x{80}-\x{9f}\x{ad}\x{61c}\x{200b}-\x{200f}\x{2028}-\x{202e}\x{2060}-\x{206f}\x{feff}])/g;
	is(join(' ', @found), '', "$name: plain text");
	return;
}

# Run a command and look at all that it writes.
sub look
{
	my (@arguments) = @_;
	my $log = "$work/log";
	my $name = join(' ', map { s/[^ -~]+/?/gr } @arguments);

	unlink $log;
	my ($code, $out, $err) = tool(@arguments, '--repo', $repo, '--log-file', $log, '-v');
	isnt($code, 139, "$name does not crash");
	clean("$name (stdout)", $out);
	clean("$name (stderr)", $err);
	clean("$name (log)", -e $log ? read_bytes($log) : '');
	return ($code, $out, $err);
}

sub look_json
{
	my (@arguments) = @_;
	my ($code, $out) = look(@arguments, '--json');

	ok(defined eval { JSON::PP->new->utf8->decode($out) }, 'and JSON') if $out ne '';
	return;
}

# --------------------------------------------------------- names in a database

query('postgres', qq(CREATE ROLE "$quoted" LOGIN));
create_database($evil);
query($evil, <<"SQL");
ALTER DATABASE "$quoted" OWNER TO "$quoted";
COMMENT ON DATABASE "$quoted" IS '$evil';
ALTER DATABASE "$quoted" SET application_name = '$evil';
CREATE SCHEMA "$quoted";
CREATE TYPE "$quoted"."t$quoted" AS ENUM ('$evil');
CREATE TABLE "$quoted"."$quoted" ("$quoted" int PRIMARY KEY, b "$quoted"."t$quoted");
INSERT INTO "$quoted"."$quoted" VALUES (1, '$evil');
CREATE INDEX "i$quoted" ON "$quoted"."$quoted" (b);
CREATE SEQUENCE "$quoted"."s$quoted";
CREATE FUNCTION "$quoted"."$quoted"() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TABLE "$quoted".bad (a int, CHECK (a > 0));
CREATE FUNCTION "$quoted".stop() RETURNS trigger LANGUAGE plpgsql AS \$\$
	BEGIN RAISE EXCEPTION USING MESSAGE = '$evil', DETAIL = '$evil', HINT = '$evil'; END \$\$;
CREATE TRIGGER "$quoted" BEFORE INSERT ON "$quoted"."$quoted" FOR EACH ROW EXECUTE FUNCTION "$quoted".stop();
SQL
my $target = NexBackup::Test::conninfo($evil);
my ($code, $out, $err) = look('backup', '-d', $target);
is($code, 0, 'it is backed up');
look_json('backup', '-d', $target);
look('backup', '-d', "${evil}absent");
look('globals', 'backup');
look($_, $evil) for 'list', 'info', 'verify';
look_json($_, $evil) for 'list', 'info', 'verify';
look('info', $evil, '--contents');
look_json('info', $evil, '--contents');
look('expire', '--dry-run');
look_json('expire', '--dry-run');
look('doctor');
look_json('doctor');
look('export', $evil, '-o', "$work/export.sql");
look('cat', $evil, '--table', "absent$evil");
look('restore', $evil, '--to', "new$evil");
look('restore', $evil, '--drop', '--yes');
look('restore', $evil);
look('restore', $evil, '--table', qq("$quoted"."$quoted"), '--to', "part$evil");
($code, $out, $err) = look('restore', $evil, '--table', qq("$quoted"."$quoted"), '--append', '--to', $evil, '--yes');
look('globals', 'restore', '--yes');
look_json('list', '--repo', $repo);

# What can be typed again leads to the same name.
($code, $out, $err) = tool('info', $evil, '--repo', $repo);
like($out, qr/nex_backup restore \$'x\\033\]0;P\\007\\015\\012\\302\\23331m\\342\\200\\256y\\342\\200\\213\/20/, 'as a word that a shell reads back');

# Bytes of another encoding.
query('postgres', q(CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0));
query('latin', qq(SET client_encoding = 'LATIN1'; CREATE TABLE "t\x9b31m\x85" AS SELECT 1 AS a));
look('backup', '-d', 'latin');
look('info', 'latin');
look_json('info', 'latin');
look('info', 'latin', '--contents');

# ------------------------------------------------------------ a forged manifest

my ($manifest) = glob("$repo/backups/latin/*.json");
my $json = JSON::PP->new->latin1->allow_nonref;

# Make a seal that fits: who can write to a plain repository can do that.
sub seal
{
	my ($text) = @_;

	$text =~ s/,\n"seal": "[0-9a-f]+"\n\}\n\z// or die 'no seal';
	return "$text,\n\"seal\": \"" . sha256_hex($text) . "\"\n}\n";
}

my $original = read_bytes($manifest);
is(seal($original), $original, 'the seal is understood');
my $hostile = '\\u001b]0;P\\u0007\\r\\n\\u009b31m\\u202ey';
my $forged = $original;
my $fields = 0;

# Into each string of the manifest, one at a time, but for those that would be refused as such.
while ($original =~ /"((?:[^"\\]|\\.)*)"(?!\s*:)/g)
{
	my ($from, $to) = ($-[1], $+[1]);
	my $text = substr($original, 0, $from) . $hostile . substr($original, $from);

	next if $fields++ > 60;
	write_bytes($manifest, eval { seal($text) } // next);
	for my $command (['list'], [ 'info', 'latin' ], [ 'verify', 'latin' ], [ 'expire', '--dry-run' ])
	{
		my ($code, $out, $err) = tool(@$command, '--repo', $repo);

		clean("forged field $fields: @$command", $out . $err) if ($out . $err) =~ /[\x00-\x08\x0b-\x1f\x7f-\xff]/;
	}
}
cmp_ok($fields, '>', 20, 'many fields');
(my $all = $original) =~ s/("(?:owner|encoding|collate|ctype|icu_locale|provider|tablespace|version|tool|pg_dump|type)": ")[^"]*"/$1$hostile"/g;
write_bytes($manifest, seal($all));
look($_, 'latin') for 'list', 'info', 'verify', 'export', 'restore';
look_json($_, 'latin') for 'list', 'info', 'verify';
look('expire', '--dry-run');
look('doctor');

done_testing();
