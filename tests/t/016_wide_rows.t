# Rows that are long, up to several times as long as a member of a backup: a member ends with the row that fills it,
# so that memory does not grow with the table.
use strict;
use warnings;

use File::Basename qw(dirname);
use JSON::PP ();
use List::Util qw(max);
use lib dirname(__FILE__) . '/..';
use NexBackup::Test;
use Test::More;

my $mega = 1024 * 1024;
my $node = start_server('wide');
my $repo = new_repository();

create_database('shop');
query('shop', <<'SQL');
CREATE TABLE documents (id int PRIMARY KEY, body text);
ALTER TABLE documents ALTER body SET STORAGE EXTENDED;
INSERT INTO documents SELECT i, repeat(chr(97 + i % 26), 700000 + i) FROM generate_series(1, 60) i;
CREATE TABLE scans (id int PRIMARY KEY, page bytea);
INSERT INTO scans SELECT i, decode(repeat('00ff', 2500000 + i), 'hex') FROM generate_series(1, 6) i;
CREATE TABLE mixed (id int PRIMARY KEY, body text);
INSERT INTO mixed SELECT i, repeat('x', CASE WHEN i % 50 = 0 THEN 300000 ELSE 10 END) FROM generate_series(1, 2000) i;
SQL
my $all = 'SELECT (SELECT md5(string_agg(md5(d::text), NULL ORDER BY id)) FROM documents d), (SELECT md5(string_agg(md5(page), NULL ORDER BY id)) FROM scans), (SELECT md5(string_agg(md5(m::text), NULL ORDER BY id)) FROM mixed m)';
my $before = query('shop', $all);

tool_ok([ 'backup', '--repo', $repo, '-d', 'shop', '-j', '1' ], 'backup');
my ($file) = glob("$repo/backups/shop/*.json");
my $manifest = JSON::PP->new->utf8->decode(read_bytes($file));
my @names = map { $_->{name} } @{ $manifest->{tables} };
my %largest;
for my $member (grep { $_->{kind} eq 'data' } @{ $manifest->{members} })
{
	my $table = $names[ $member->{table} ];
	$largest{$table} = max($largest{$table} // 0, $member->{raw});
}
is(join(' ', sort keys %largest), 'documents mixed scans', 'all tables have members');
cmp_ok($largest{documents}, '<=', 9 * $mega, 'rows of 700 kB: a member is a piece and a row at most');
cmp_ok($largest{mixed}, '<=', 9 * $mega, 'a long row among short ones');
cmp_ok($largest{scans}, '<=', 18 * $mega, 'rows longer than a piece: no second one in a member');
tool_ok([ 'verify', '--repo', $repo ], 'verify');
tool_ok([ 'restore', '--repo', $repo, 'shop', '--to', 'again' ], 'restore');
is(query('again', $all), $before, 'the rows are the same');

done_testing();
