# Repositories that cost more than they weigh: small files whose content, or whose claims, are huge.
use strict;
use warnings;

use Compress::Zlib ();
use Digest::SHA qw(sha256_hex);
use File::Path qw(make_path);
use File::Temp ();
use IPC::Run ();
use NexBackup::Test;
use Test::More;

$ENV{NEX_BACKUP_CONFIG} = '/dev/null';

my $copy = 'COPY public.t (a) FROM stdin;';
my $end = "\n\\.\n\n";
my $backup = 'backups/d/20260101T000000Z';
my $address_space = 700 * 1024 * 1024;

# The tool with so much address space that no bomb fits into it.
sub small_tool
{
	my (@arguments) = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'prlimit', "--as=$address_space", tool_path(), @arguments ], '<', \'', '>', \$out, '2>', \$err,
		IPC::Run::timeout(300));
	my $code = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	print "# @arguments: exit $code\n", substr("$out$err", 0, 2000), "\n";
	return ($code, $out, $err);
}

sub sealed
{
	my ($body) = @_;

	return sprintf qq(%s,\n"seal": "%s"\n}\n), $body, sha256_hex($body);
}

# A zstd frame of these bytes, then so many of one byte, then these; blocks of one repeated byte have 4 bytes.
sub zstd_frame
{
	my ($head, $filler, $tail, %claims) = @_;
	my $raw = $claims{raw} // length($head) + $filler + length $tail;
	my $frame = "\x28\xb5\x2f\xfd\xc0" . pack('C', (($claims{window} // 20) - 10) << 3) . pack 'Q<', $raw;
	my $block = sub { my ($last, $type, $size, $data) = @_; substr(pack('V', $last | $type << 1 | $size << 3), 0, 3) . $data };

	$frame .= $block->(0, 0, length $head, $head);
	for (my $left = $filler; $left > 0; $left -= 131072)
	{
		$frame .= $block->(0, 1, $left < 131072 ? $left : 131072, 'x');
	}
	return $frame . $block->(1, 0, length $tail, $tail);
}

sub gzip_frame
{
	my ($text) = @_;

	return Compress::Zlib::memGzip($text);
}

# A repository with one backup of one table, whose data member is this frame, with these claims about it.
sub repository_with
{
	my ($codec, $frame, %claims) = @_;
	my $repo = File::Temp::tempdir(CLEANUP => 1) . '/repo';
	my $suffix = { zstd => '.sql.zst', gzip => '.sql.gz', none => '.sql' }->{$codec};
	my $pack = sub { $codec eq 'zstd' ? zstd_frame($_[0], 0, '') : $codec eq 'gzip' ? gzip_frame($_[0]) : $_[0] };
	my ($listing, @objects, @members) = ('');
	my ($stored, $raw) = (0, 0);
	my $put = sub {
		my ($kind, $bytes, $length, $content, $more) = @_;
		my $id = sha256_hex($bytes);

		make_path("$repo/objects/" . substr $id, 0, 2);
		write_bytes(sprintf('%s/objects/%s/%s%s', $repo, substr($id, 0, 2), $id, $suffix), $bytes);
		$listing .= sprintf "%s  objects/%s/%s%s\n", $id, substr($id, 0, 2), $id, $suffix;
		push @objects, sprintf '{"id": "%s", "bytes": %d}', $id, $claims{bytes} && $kind eq 'data' ? $claims{bytes} : length $bytes;
		push @members, sprintf '{"kind": "%s", "object": %d, "offset": 0, "length": %d, "raw": %d%s}', $kind, $#objects,
		  $length, $content, $more;
		$stored += $length;
		$raw += $content;
	};
	my %id = (id => '20260101T000000Z', repository => '01234567-89ab-4cde-8f01-23456789abcd');
	my $rows = $claims{rows} // 1;
	my $table_raw = $claims{raw};

	make_path("$repo/backups/d", "$repo/lock");
	write_bytes("$repo/RECOVER.txt", "how\n");
	write_bytes("$repo/nex_backup.json", sealed(sprintf qq({\n"format": 1,\n"id": "%s",\n"created": "2026-01-01T00:00:00Z",\n)
		  . qq("recover_sha256": "%s"%s), $id{repository}, sha256_hex("how\n"), $claims{frame} // ''));
	$put->('head', $pack->("-- head\n"), length $pack->("-- head\n"), 8, '');
	my $length = $claims{length} // length $frame;
	$put->('data', $frame, $length, $table_raw, sprintf ', "table": 0, "rows": %d%s', $rows, $claims{in_member} // '');
	$put->('tail', $pack->("-- tail\n"), length $pack->("-- tail\n"), 8, '');
	my $times = join '', map { qq("$_": "2026-01-01T00:00:00.000Z",\n) } qw(started snapshot_at finished);
	my $manifest = qq({\n"format": 1,\n"kind": "database",\n"id": "$id{id}",\n"repository": "$id{repository}",\n"type": "manual",\n)
	  . qq("tool": "0.2.1",\n"pg_dump": "15",\n$times"codec": "$codec",\n"level": 1,\n"database": {"name": "d", "owner": "o", )
	  . '"encoding": "UTF8", "collate": "C", "ctype": "C", "provider": "c", "icu_locale": null, "icu_rules": null, '
	  . qq("tablespace": "pg_default", "connection_limit": -1, "bytes": 1},\n"server": {"version": "15", "version_num": 150000, )
	  . qq("system_identifier": "1", "timeline": 1, "lsn": "0/1", "in_recovery": false},\n"totals": {"tables": 1, "rows": $rows, )
	  . qq("raw_bytes": $raw, "stored_bytes": $stored, "members": 3, "objects": 3, "new_objects": 0, "new_bytes": 0, )
	  . sprintf(qq("large_objects": 0, "sequences": 0},\n"warnings": [%s],\n), $claims{warnings} // '')
	  . qq("tables": [{"oid": 1, "schema": "public", "name": "t", "copy": "$copy", "rows": $rows, "raw_bytes": $table_raw, )
	  . qq("stored_bytes": $length, "heap_bytes": 0, "serial": false}],\n"objects": [)
	  . join(', ', @objects) . qq(],\n"members": [) . join(', ', @members) . ']' . ($claims{last} // '');
	write_bytes("$repo/$backup.json", sealed($manifest));
	write_bytes("$repo/$backup.sha256", $listing);
	return $repo;
}

# Everything that reads the manifest says so, with exit code 3.
sub refused
{
	my ($repo, $pattern, $name) = @_;
	my $file = File::Temp::tempdir(CLEANUP => 1) . '/out.sql';

	subtest $name => sub {
		for my $words ([ 'verify', '--catalogue=none' ], ['list'], [ 'export', 'd', '--output', $file ],
			[ 'cat', 'd', '--table', 'public.t' ])
		{
			my ($code, $out, $err) = small_tool(@$words, '--repo', $repo);

			is($code, 3, "$words->[0]: exit code 3");
			like($err, $pattern, "$words->[0]: message");
		}
	};
	return;
}

my $big = 1_000_000_000;
my @text = ("$copy\n", $big - length("$copy\n") - length $end, $end);

for my $case ([ 'zstd', zstd_frame(@text) ], [ 'none', undef ])
{
	my ($codec, $frame) = @$case;
	my $size = defined $frame ? $big : 40_000_000;
	$frame //= "$copy\n" . 'x' x ($size - length("$copy\n") - length $end) . $end;
	my ($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo', repository_with($codec, $frame, raw => $size));

	is($code, 0, "$codec: a member of $size bytes is verified in little memory") or diag($err);
	($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo',
		repository_with($codec, $frame, raw => $size, rows => 2));
	is($code, 3, "$codec: its rows are counted all the same");
	like($err, qr/holds 1 rows instead of 2/, '... and the number said');
	($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo',
		repository_with($codec, $frame, raw => $size - 1));
	is($code, 3, "$codec: and its length is looked at");
}
{
	my $repo = repository_with('zstd', zstd_frame("$copy\n", $text[1], "xx\n\n\n"), raw => $big);
	my ($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo', $repo);

	is($code, 3, 'no end-of-data marker');
	like($err, qr/does not end with the end-of-data marker/, '... and said');
	$repo = repository_with('zstd', substr(zstd_frame(@text), 0, -9), raw => $big);
	($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo', $repo);
	is($code, 3, 'a frame that is cut off');
	like($err, qr/is not an intact zstd frame/, '... and said');
	$repo = repository_with('zstd', zstd_frame(@text, window => 31), raw => $big);
	($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo', $repo);
	is($code, 3, 'a frame that wants 2 GB of memory as its window');
}

my $small = "$copy\nx$end";
my $frame = zstd_frame($small, 0, '');

for my $raw (1 + 2**31, 3_000_000_000, 4_611_686_018_427_387_904)
{
	refused(repository_with('zstd', $frame, raw => $raw), qr/member 1 is larger than any that nex_backup writes/, "a claim of $raw bytes");
	refused(repository_with('gzip', gzip_frame($small), raw => $raw), qr/member 1 is larger/, "... in gzip");
}
refused(repository_with('zstd', $frame, raw => length $small, length => 2**40, bytes => 2**40), qr/member 1 is larger/,
	'a claim of stored bytes');
refused(repository_with('zstd', $frame, raw => length $small, warnings => '[' x 100_000), qr/nested more deeply/, 'a deep manifest');
refused(repository_with('zstd', $frame, raw => length $small, warnings => join ',', ('[]') x 3_000_000), qr/holds more values/,
	'a manifest of many values');
refused(repository_with('zstd', $frame, raw => length $small, last => ',"x": {' . ('"a": {"b": {}},' x 700_000) . '"c": 1}'),
	qr/holds more values/, 'a manifest of many objects');
refused(repository_with('zstd', $frame, raw => length $small, in_member => ', "x": [' . ('[[]],' x 3_000_000) . '0]'),
	qr/entry in array "members" that/, 'an entry of many values');

# What is not a manifest.
for my $more ('"x": ' . '[' x 100_000, '"x": [' . ('[],' x 120_000) . '0]')
{
	my ($code, $out, $err) = small_tool('list', '--repo', repository_with('zstd', $frame, raw => length $small, frame => ",\n$more"));

	isnt($code, 0, 'nex_backup.json of many values, or deep');
	like($err, qr/than anything that nex_backup writes/, '... is not read');
}
{
	my $repo = repository_with('zstd', $frame, raw => length $small);
	write_bytes("$repo/$backup.verified", sealed(qq({\n"format": 1,\n"backup": "20260101T000000Z",\n)
		  . qq("verified": "2026-01-01T00:00:00Z",\n"result": "ok",\n"bad": [) . ('[[]],' x 10_000) . '0]'));
	my ($code, $out, $err) = small_tool('list', '--repo', $repo);
	like($err, qr/holds more values/, 'a .verified file of many values');
	($code, $out, $err) = small_tool('verify', '-j', 1, '--catalogue=none', '--repo', $repo);
	like($out, qr{^d/20260101T000000Z: ok}m, 'the backup itself is good');
	($code, $out, $err) = small_tool('list', '--repo', $repo);
	is($code, 0, '... and so is the new record');
}

done_testing();
