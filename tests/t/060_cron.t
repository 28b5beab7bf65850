# Schedules over ten years in zones with all kinds of changes, against an oracle that walks
# through time minute by minute (tests/oracle/cron_oracle.py).
use strict;
use warnings;

use IPC::Run ();
use NexBackup::Test;
use Test::More;

my $node = start_server('main');
my @schedules = (
	'30 2 * * *', '0 0 * * *', '15 */3 * * *', '*/20 1-3 * * *', '0 3 L * *', '59 23 * * sun',
	'0 0 29 2 *', '5 4 31 * mon', '45 1 * mar,oct,nov 0', '1,31 0-2 */2 * *', '0 12 30 dec *', '10 2 * * 6-7');

query('postgres', 'CREATE EXTENSION nex_backup');
for my $case (
	[ 'UTC', 2020 ], [ 'Europe/Berlin', 2020 ], [ 'America/New_York', 2020 ], [ 'Australia/Lord_Howe', 2020 ],
	[ 'Asia/Kolkata', 2020 ], [ 'Africa/Casablanca', 2020 ], [ 'Pacific/Apia', 2007 ], [ 'America/Sao_Paulo', 2010 ])
{
	my ($zone, $year) = @$case;
	my ($out, $err) = ('', '');

	IPC::Run::run([ 'python3', top() . '/tests/oracle/cron_oracle.py', $zone, $year, $year + 10, @schedules ],
		'>', \$out, '2>', \$err) or die "cron_oracle.py: $err";
	my @expected = split /\n/, $out, -1;
	my $runs = 0;
	my @wrong;
	for my $schedule (@schedules)
	{
		my @times = split / /, shift @expected;
		# One more than there are: it must lie beyond the end.
		my $got = query('postgres', "SELECT coalesce(string_agg(extract(epoch FROM run)::int8::text, ' ' ORDER BY run) "
			  . "FILTER (WHERE run < '$year-01-01 UTC'::timestamptz + interval '10 years'), ''), count(*) "
			  . "FROM nex_backup_next_runs('$schedule', '$zone', " . (@times + 1) . ", '" . ($year - 1) . "-12-31 23:59:59 UTC')");

		$runs += @times;
		push @wrong, "$schedule: " . first_difference($got, join(' ', @times)) unless $got eq join(' ', @times) . '|' . (@times + 1);
	}
	is(join("\n", @wrong), '', "$zone, $year to " . ($year + 9) . ": $runs runs");
}

# What a DBA sees of mistakes.
for my $case (
	[ '61 * * * *', qr/invalid schedule "61 \* \* \* \*"\nDETAIL:  invalid minute field "61": 61 is not in 0 to 59\./ ],
	[ '0 2 * *', qr/DETAIL:  the day of week field is missing/ ],
	[ '0 2 * foo *', qr/DETAIL:  invalid month field "foo"/ ],
	[ '@reboot', qr/DETAIL:  unknown schedule "\@reboot": known are/ ])
{
	ok(!eval { query('postgres', "SELECT * FROM nex_backup_next_runs('$case->[0]')"); 1 }, "$case->[0] is refused");
	like($@, $case->[1], 'and the error says why');
}
ok(!eval { query('postgres', "SELECT * FROM nex_backup_next_runs('0 2 * * *', 'Europe/Berln')"); 1 }, 'an unknown zone');
like($@, qr/unknown time zone "Europe\/Berln"/, 'is named');
is(query('postgres', "SELECT count(*) FROM nex_backup_next_runs('0 0 30 2 *')"), 0, 'what never comes, does not');
is(query('postgres', "SET timezone = 'Asia/Kolkata'; SELECT local_time FROM nex_backup_next_runs('0 2 * * *', n => 1, after => '2026-11-25 00:00+00')"),
	'2026-11-26 02:00:00', 'the zone of the session is the default');

done_testing();

sub first_difference
{
	my ($got, $expected) = @_;
	my @got = split / /, $got =~ s/\|.*//r;
	my @expected = split / /, $expected;

	for my $i (0 .. (@got > @expected ? $#got : $#expected))
	{
		my ($g, $e) = ($got[$i] // 'nothing', $expected[$i] // 'nothing');
		return "run $i is at $g, and the oracle says $e" if $g ne $e;
	}
	return "one more run is expected beyond the end: $got";
}
