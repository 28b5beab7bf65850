# Notifications: every message arrives once, over real mail and web servers on the loopback
# interface, whatever goes wrong in between; and nothing secret is ever in one.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use NexBackup::Sinks;
use NexBackup::Test;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep);

my $node = start_server('main');
my $repo = new_repository();
my ($ca, $certificate, $key) = make_certificates();
my $user = 'backup-user';
my $password = 'Pa55-of-the-mail-server';
my $hmac_key = 'Key-of-the-webhook';
my $token = 'T0ken/of/the/chat';
my $state;
my $log = File::Temp::tempdir(CLEANUP => 1) . '/log';

# A server that accepts and is silent must not hold up the end of a command; looked at below, as it takes its time.
my $silent = IO::Socket::INET->new(Listen => 9, LocalAddr => '127.0.0.1', Proto => 'tcp') or die $!;
my $held_up = File::Temp::tempdir(CLEANUP => 1);
write_bytes("$held_up/nex.yaml", "repo: $held_up/repo\nnotify:\n  directory: $held_up/state\n  ping-url-file: "
	  . secret_file('success http://127.0.0.1:' . $silent->sockport . "/x\nfail http://127.0.0.1:" . $silent->sockport . "/y\n") . "\n");
my $patient = fork // die $!;
if ($patient == 0)
{
	my $began = time;

	$ENV{NEX_BACKUP_CONFIG} = "$held_up/nex.yaml";
	my ($code, $out, $err) = tool('backup', '-d', 'no_such_database');
	write_bytes("$held_up/result", sprintf("%d %d %s", $code, time - $began, $err));
	POSIX::_exit(0);
}

create_database('shop');
query('shop', 'CREATE TABLE item AS SELECT generate_series(1, 100) AS id');

# Settings of the notifications, in an own directory unless another is given.
sub configure
{
	my ($notify, $directory) = @_;
	my $config = File::Temp::tempdir(CLEANUP => 1) . '/nex.yaml';

	$state = $directory || File::Temp::tempdir(CLEANUP => 1) . '/state';
	write_bytes($config,
		"repo: $repo\nlog-file: $log\nnotify:\n  directory: $state\n  ca-file: $ca\n$notify");
	$ENV{NEX_BACKUP_CONFIG} = $config;
	return;
}

sub mail_settings
{
	my ($sink, $tls, $to) = @_;

	return "  mail:\n    server: 127.0.0.1:" . sink_port($sink) . "\n    tls: $tls\n"
	  . "    from: backup\@example.com\n    to: " . ($to || 'dba@example.com') . "\n";
}

sub login { return "    user: $user\n    password-file: " . secret_file($password) . "\n"; }

sub url { my ($sink, $path) = @_; return 'http://127.0.0.1:' . sink_port($sink) . "/$path"; }

sub webhook_settings
{
	my ($sink) = @_;

	return "  webhook:\n    url-file: " . secret_file(url($sink, $token)) . "\n"
	  . "    hmac-key-file: " . secret_file($hmac_key) . "\n";
}

sub waiting { return scalar grep { $_->{state} eq 'waiting' } @{ tool_json('notify', 'list') }; }

# What the generic webhook took.
sub events
{
	return map { JSON::PP->new->decode($_->{body}) } grep { $_->{path} eq "/$token" } requests($_[0], 200);
}

# No secret in what the tool wrote anywhere, or in these texts.
sub nothing_secret
{
	my ($name, @texts) = @_;
	my @files = map { "$state/$_" } all_files($state);
	my $all = join("\n", @texts, map { read_bytes($_) } $log, @files);

	unlike($all, qr/\Q$_\E/, "$name: no secret is in it")
	  for $password, $hmac_key, $token, MIME::Base64::encode_base64($password, '');
	return;
}

# -------------------------------------------------------------------- mail

my $smtp = start_sink('smtp_sink.py', 'starttls', $certificate, $key, $user, $password);
configure(mail_settings($smtp, 'starttls', 'dba@example.com, night@example.com') . login());

tool_fails([ 'backup', '-d', 'absent' ], 1, qr/does not exist/, 'a backup of a database that is not there');
my @mail = mails($smtp);
is(scalar @mail, 2, 'one mail for each address');
is(waiting(), 0, 'and none is left');
my $commands = read_bytes("$smtp/commands");
like($commands, qr/^MAIL tls=1 auth=1 backup\@example\.com$/m, 'over TLS, logged in');
unlike($commands, qr/^MAIL tls=0/m, 'and never without');
is(join(' ', sort map { /^To: (.*)$/m } @mail), 'dba@example.com night@example.com', 'to whom they are addressed');
for my $mail (@mail)
{
	my ($head) = split /\n\n/, $mail;
	like($head, qr/^Subject: \[nex_backup\] FAILED: backup of absent on \S+$/m, 'the subject says what failed');
	like($head, qr/^Date: (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:[A-Z][a-z]{2}) \d{4} \d\d:\d\d:\d\d \+0000$/m, 'Date');
	like($head, qr/^Message-ID: <[0-9TZ]+-[0-9a-f]{16}@[\w.-]+>$/m, 'Message-ID');
	like($head, qr/^From: nex_backup <backup\@example\.com>$/m, 'From');
	like($head, qr/^Auto-Submitted: auto-generated$/m, 'no out-of-office reply wanted');
}
my $body = decoded_body($mail[0]);
like($body, qr/^Detail: +.*does not exist/m, 'the body says why');
like($body, qr/^Since: +\d{4}-/m, 'since when');
like($body, qr/^Last good: +none known: THERE MAY BE NO BACKUP$/m, 'that there is no backup');
like($body, qr/^    nex_backup doctor -d absent --repo \Q$repo\E$/m, 'the command to run');
like($body, qr/^Exit code: +1 \(failed\)$/m, 'the exit code');
like($body, qr/^The last messages:\n\n.* ERROR:  /m, 'and the end of the log');
nothing_secret('mail', @mail);

tool_ok([ 'backup', '-d', 'shop' ], 'a first backup');
@mail = mails($smtp);
is(scalar @mail, 4, 'the first success is told');
like($mail[2], qr/^Subject: \[nex_backup\] OK: first backup of shop on/m, 'as such');
tool_ok([ 'backup', '-d', 'shop' ], 'a second backup');
is(scalar mails($smtp), 4, 'the second is not');

# A message that begins a line with a dot, and one that is not ASCII.
create_database("b\x{c3}\x{a4}ckup");
tool_ok([ 'backup', '-d', "b\x{c3}\x{a4}ckup" ], 'a backup of a database whose name is not ASCII');
@mail = mails($smtp);
like($mail[-1], qr/^Subject: (?:=\?UTF-8\?B\?[A-Za-z0-9+\/=]+\?=(?:\n )?)+$/m, 'its name is encoded in the subject');
my $encoded = join '', map { MIME::Base64::decode_base64($_) } $mail[-1] =~ /=\?UTF-8\?B\?([^?]+)\?=/g;
like($encoded, qr/first backup of b\xc3\xa4ckup on/, 'and is whole');
like(decoded_body($mail[-1]), qr/^Database: +b\xc3\xa4ckup\r?$/m, 'and in the body');

# Names that want to be headers.
my $evil = "x\r\nBcc: thief\@example.com\r\n\r\n.\r\nMAIL FROM:<a\@b>";
my $before = scalar mails($smtp);
tool('backup', '-d', "dbname='$evil'");
@mail = mails($smtp);
is(scalar @mail, $before + 2, 'a database name with newlines makes one mail for each address');
my ($head) = split /\n\n/, $mail[-1];
unlike($head, qr/^Bcc:/m, 'no header of its own');
like($head, qr/^Subject: .*x\\x0d\\x0aBcc: thief/m, 'but a readable subject');
unlike(read_bytes("$smtp/commands"), qr/thief/, 'and nobody else gets mail');

# A wrong address must not keep the others waiting, nor make them get it twice.
configure(mail_settings($smtp, 'starttls', 'refused@example.com, good@example.com') . login());
tool_fails([ 'backup', '-d', 'absent' ], 1, qr/does not exist/, 'one of two addresses is refused');
tool('notify', '--flush');
is(scalar(grep { /^To: good/m } mails($smtp)), 1, 'the other gets the message, once');
is(waiting(), 1, 'and the refused one waits');

# A wrong password, an unknown authority.
configure(mail_settings($smtp, 'starttls') . "    user: $user\n    password-file: " . secret_file('wrong') . "\n");
$before = scalar mails($smtp);
my (undef, undef, $err) = tool('backup', '-d', 'absent');
like($err, qr/could not deliver a message to channel "mail"/, 'a wrong password is reported');
is(waiting(), 1, 'and the message waits');
configure(mail_settings($smtp, 'starttls') . login());
my $config = read_bytes($ENV{NEX_BACKUP_CONFIG});
$config =~ s/^  ca-file:.*\n//m;
write_bytes($ENV{NEX_BACKUP_CONFIG}, $config);
(undef, undef, $err) = tool('backup', '-d', 'absent');
like($err, qr/could not deliver.*certificate/i, 'a certificate that nobody knows is refused');
is(scalar mails($smtp), $before, 'and no mail was sent');
my $known = $state;

# The message that waits arrives once the authority is known.
configure(mail_settings($smtp, 'starttls') . login(), $known);
is(tool_json('notify', '--flush')->{delivered}, 1, 'it is delivered later');
is(scalar mails($smtp), $before + 1, 'once');

# Servers without TLS.
my $plain = start_sink('smtp_sink.py', 'plain');
configure(mail_settings($plain, 'starttls') . login());
(undef, undef, $err) = tool('backup', '-d', 'absent');
like($err, qr/could not deliver a message to channel "mail"/, 'a server without STARTTLS is refused');
is(scalar mails($plain), 0, 'it gets no mail');
ok(!-e "$plain/commands", 'no password, no sender');
configure(mail_settings($plain, 'implicit'));
(undef, undef, $err) = tool('notify', '--test', 'mail');
like($err, qr/channel "mail" does not work/, 'neither is it with implicit TLS');
configure(mail_settings($plain, 'plain'));
like(tool_ok([ 'notify', '--test' ], 'unless plain is asked for'), qr/^mail: delivered to dba/m, 'the test says so');
is(scalar mails($plain), 1, 'then it gets the mail');
configure("  mail:\n    server: mail.example.com\n    tls: plain\n    from: a\@b.c\n    to: a\@b.c\n" . login());
tool_fails([ 'notify', '--test' ], 1, qr/password is not sent to another machine without TLS/,
	'a password never leaves this machine without TLS');

my $implicit = start_sink('smtp_sink.py', 'implicit', $certificate, $key, $user, $password);
configure(mail_settings($implicit, 'implicit') . login());
tool_ok([ 'notify', '--test' ], 'implicit TLS');
like(read_bytes("$implicit/commands"), qr/^MAIL tls=1 auth=1/m, 'with a password');
stop_sink($_) for $plain, $implicit;

# ----------------------------------------------------------------- webhook

my $web = start_sink('web_sink.py');
configure(webhook_settings($web));
answers($web, 500, 500);
tool_fails([ 'backup', '-d', 'absent' ], 1, qr/does not exist/, 'a web server that answers 500 twice');
my @tries = requests($web);
is(join(' ', map { $_->{answer} } @tries), '500 500 200', 'is tried until it takes the message');
is(waiting(), 0, 'and then no more');
my %ids = map { $_->{headers}{'Idempotency-Key'} => 1 } @tries;
is(scalar keys %ids, 1, 'each try has the same key');
my ($event) = events($web);
is($event->{id}, (keys %ids)[0], 'which is the id of the message');
is("$event->{event} $event->{reason} $event->{database} $event->{kind} $event->{exit_code}",
	'backup.failed failure absent backup 1', 'the event as JSON');
like($event->{detail}, qr/does not exist/, 'with the error');
for my $try (@tries)
{
	my $signature = hmac_sha256_hex("$try->{headers}{'X-Nex-Timestamp'}.$try->{body}", $hmac_key);
	is($try->{headers}{'X-Nex-Signature'}, "sha256=$signature", 'signed, with the time');
	cmp_ok(abs(time - $try->{headers}{'X-Nex-Timestamp'}), '<', 60, 'which is now');
}
nothing_secret('webhook', map { $_->{body} } @tries);

# Rate limit: what is held back is counted, and told later.
tool('backup', '-d', 'absent') for 1 .. 3;
is(scalar events($web), 1, 'three more failures within six hours make no message');
write_bytes($ENV{NEX_BACKUP_CONFIG}, read_bytes($ENV{NEX_BACKUP_CONFIG}) . "  repeat-after: 1\n");
sleep 1.1;
tool_ok(['notify'], 'after that time');
my @events = events($web);
is(scalar @events, 2, 'one message');
is("$events[1]{failures} $events[1]{unreported}", '4 3', 'tells of all of them');
like($events[1]{subject}, qr/STILL FAILING \(4 times\)/, 'in the subject');
tool_ok(['notify'], 'once');
is(scalar events($web), 2, 'and not again');

# Another error is another failure, told at once; the numbers in an error are no difference.
query('postgres', "CREATE ROLE intruder LOGIN");
create_database('guarded');
query('postgres', 'REVOKE CONNECT ON DATABASE guarded FROM PUBLIC');
configure(webhook_settings($web), $state);
sub fail_with { my (@how) = @_; tool('backup', '-d', 'guarded', @how); return scalar events($web); }
my $so_far = scalar events($web);
is(fail_with('-U', 'intruder'), $so_far + 1, 'a failure');
is(fail_with('-U', 'intruder'), $so_far + 1, 'again: no message');
is(fail_with('--repo', "$repo.1"), $so_far + 2, 'in another repository: another subject');
is(fail_with('--pg-bindir', $repo), $so_far + 3, 'of the same database for another reason: told');
like((events($web))[-1]{subject}, qr/\] FAILED: backup of guarded/, 'as a failure');
like((events($web))[-1]{text}, qr/failed, 3 times in a row by now, now for another reason\.$/m, 'and that it is another');
is(fail_with('-U', 'intruder'), $so_far + 3, 'back to the first reason: no message');
is(fail_with(), $so_far + 4, 'then it is good again');
like((events($web))[-1]{text}, qr/^The backup of guarded is good again after 4 failures, 1 of which were not reported/m, 'after all of them');
query('postgres', 'DROP DATABASE guarded');
configure(webhook_settings($web) . "  repeat-after: 1\n", $state);

# Recovery.
create_database('absent');
tool_ok([ 'backup', '-d', 'absent' ], 'when it works again');
@events = events($web);
is("$events[-1]{event} $events[-1]{failures}", 'backup.recovered 4', 'that is told');
tool_ok([ 'backup', '-d', 'absent' ], 'and only');
is(scalar events($web), scalar @events, 'once');
query('postgres', 'DROP DATABASE absent');

# All databases, one of which fails: each has a message of its own.
configure(webhook_settings($web) . "  on: success,failure,first-success\n");
my $already = scalar events($web);
my $release = hold_lock('shop', 'item');
tool('backup', '--all', '--exclude-database', 'template1', '--lock-wait-timeout', 1);
$release->();
my %told = map { ($_->{database} => "$_->{event} $_->{subject}") } (events($web))[ $already .. scalar(events($web)) - 1 ];
like($told{shop}, qr/^backup\.failed .*FAILED: backup of shop on/, 'backup --all: the database that fails');
like($told{postgres}, qr/^backup\.succeeded .*OK: first backup of postgres on/, 'one that does not');
like($told{''}, qr/^backup\.succeeded .*OK: first backup of the globals on/, 'the globals');
tool_fails([ 'globals', 'backup', '-h', '/nowhere' ], 1, qr/could not connect/, 'globals alone, without a server');
like((events($web))[-1]{subject}, qr/FAILED: backup of the globals on/, 'are told of');
tool_fails([ 'config', 'backup', '--set', 'etc', '/etc/hostname' ], 2, qr/no recipient was given/, 'a set of files, for nobody');
like((events($web))[-1]{subject}, qr/FAILED: backup of files of set etc on/, 'is told of');

# Failures before there is a database to speak of, and damage.
configure(webhook_settings($web));
tool_fails([ 'backup', '-d', 'shop', '--repo', "$repo.absent" ], 1, qr/repository/, 'no repository');
is((events($web))[-1]{event}, 'backup.failed', 'is told, too');
my ($object) = grep { m{^objects/} } all_files($repo);
my $mend = damage_file("$repo/$object", 'flip 20');
is((tool('verify'))[0], 3, 'a damaged backup');
my @damaged = grep { $_->{event} eq 'verify.failed' } events($web);
cmp_ok(scalar @damaged, '>', 0, 'is told');
is($damaged[0]{exit_code}, 3, 'as damage');
like($damaged[0]{command}, qr/^nex_backup (?:globals )?verify (?:\S+ )?--repo/, 'with the command to run');
my $told_so_far = scalar events($web);
$mend->();
is((tool('verify'))[0], 0, 'a mended one');
is((events($web))[-1]{event}, 'verify.recovered', 'is told as well');
cmp_ok(scalar events($web), '>', $told_so_far, 'by the run that found it good');

# A database with a damaged backup is not well again because another backup of it is good.
query('shop', 'UPDATE item SET id = id + 1000');
tool_ok([ 'backup', '-d', 'shop' ], 'a newer backup');
for my $which (0, -1)
{
	my $told = scalar events($web);
	my $manifest = (sort glob("$repo/backups/shop/*Z.json"))[$which];
	my $mend_one = damage_file($manifest, 'flip 200');
	is((tool('verify'))[0], 3, 'one of its backups is damaged');
	is(join(' ', map { $_->{event} } (events($web))[ $told .. scalar(events($web)) - 1 ]), 'verify.failed', 'that alone is told');
	$mend_one->();
	is((tool('verify'))[0], 0, 'mended');
	is(join(' ', map { $_->{event} } (events($web))[ $told + 1 .. scalar(events($web)) - 1 ]), 'verify.recovered', 'and that, once');
}

# Redirects are not followed; what a server says is not repeated if it holds the URL.
configure(webhook_settings($web));
answers($web, ('redirect') x 3);
(undef, undef, $err) = tool('backup', '-d', 'absent');
like($err, qr/the server answered 302/, 'a redirect is a failure');
is(scalar(grep { $_->{path} eq '/elsewhere' } requests($web)), 0, 'and is not followed');
answers($web, 404);
tool_fails([ 'notify', '--test', 'webhook' ], 1, qr/the server answered 404$/m, 'a refusal is reported without the URL');
nothing_secret('refusals', $err);

# What the server quotes (a row, an option with a password) is for the terminal and the log file: neither a message nor the
# catalogue has it. Rows that fit in one database alone, so that a restore under another name fails.
my $run_logs = File::Temp::tempdir(CLEANUP => 1);
my $wards = new_repository();
my $row = 'Row-of-a-patient';
my $option = 'Pa55-of-a-mapping';
my $here = q(pg_catalog.current_database() LIKE 'ward%');
create_database('catalogue');
query('catalogue', 'CREATE EXTENSION nex_backup') if have_extension();
for my $case (
	[ 'ward_option', "CREATE FUNCTION v(o text[], c oid) RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN
			IF NOT $here AND pg_catalog.cardinality(\$1) > 0 THEN RAISE EXCEPTION 'not here'; END IF; END \$\$;
		CREATE FOREIGN DATA WRAPPER w VALIDATOR v; CREATE SERVER s FOREIGN DATA WRAPPER w;
		CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password '$option')",
		qr/^USER MAPPING .* SERVER s: \[withheld\]$/, qr/The statement is not shown/ ],
	[ 'ward_check', "CREATE FUNCTION f(text) RETURNS bool LANGUAGE sql AS \$\$ SELECT $here \$\$;
		CREATE TABLE t (a text CONSTRAINT c CHECK (public.f(a))); INSERT INTO t VALUES ('$row')",
		qr/^The server said: \[withheld, SQLSTATE 23514, table t, constraint c\]$/, qr/Failing row contains \($row\)/ ],
	[ 'ward_raise', "CREATE FUNCTION f(a text) RETURNS bool LANGUAGE plpgsql AS \$\$ BEGIN
			IF NOT $here THEN RAISE EXCEPTION 'not here: %', a USING HINT = a; END IF; RETURN true; END \$\$;
		CREATE TABLE t (a text CHECK (public.f(a))); INSERT INTO t VALUES ('$row')",
		qr/^The server said: \[withheld, SQLSTATE P0001\]$/, qr/not here: $row/ ],
	[ 'ward_view', "CREATE FUNCTION f(a text) RETURNS int LANGUAGE sql AS \$\$ SELECT CASE WHEN $here THEN 1 ELSE a::pg_catalog.int4 END \$\$;
		CREATE TABLE t (a text); INSERT INTO t VALUES ('$row'); CREATE MATERIALIZED VIEW m AS SELECT public.f(a) FROM t",
		qr/^MATERIALIZED VIEW DATA public\.m: \[withheld\]$/, qr/invalid input syntax for type integer: "$row"/ ])
{
	my ($database, $sql, $told, $shown) = @$case;

	create_database($database);
	query($database, $sql);
	configure(webhook_settings($web));
	my @run = ('restore', $database, '--repo', $wards, '--to', "other_$database", '--log-directory', $run_logs, '--catalogue',
		have_extension() ? 'dbname=catalogue' : 'none');
	tool_ok([ 'backup', '-d', $database, '--repo', $wards, '--catalogue', 'none' ], "$database: a backup");
	for my $how ([], [ '--on-object-error=skip', '--object-errors-file', "$run_logs/$database.sql" ])
	{
		my $said = tool_fails([ @run, @$how ], 1, qr//, "$database: a restore under another name fails @$how");
		query('postgres', "DROP DATABASE IF EXISTS other_$database");
		unlike($said, qr/$option/, '... without the password');
		next if @$how;
		like($said, $shown, '... and says why');
		like((events($web))[-1]{detail}, $told, '... a message says what failed');
	}
	my $all = join "\n", map { $_->{body} } requests($web);
	unlike($all, qr/$row|$option/, '... and has neither row nor password');
	unlike($all, qr/\x0e|\\u000e/, '... nor a mark');
	local $ENV{PGAPPNAME} = 'nex_backup:run:1';
	my ($code, $out, $of_job) = tool(@run, '--json');
	unlike("$out$of_job", qr/$row|$option/, '... neither does what a run of the scheduler writes');
	query('postgres', "DROP DATABASE $database");
}
like(join('', map { read_bytes($_) } $log), qr/Failing row contains \($row\)/, 'the log file has the row');
like(join('', map { read_bytes($_) } glob("$run_logs/*.log")), qr/Failing row contains \($row\)/, 'so has the log of the run');
if (have_extension())
{
	is(query('catalogue', 'SELECT count(*) FROM nex_backup.runs'), 4 * 3, 'the catalogue knows all of these runs');
	unlike(query('catalogue', 'SELECT r::text FROM nex_backup.runs r'), qr/$row|$option/, '... without row and password');
}
query('postgres', 'DROP DATABASE catalogue');

# -------------------------------------------------------------------- chat

configure("  slack:\n    url-file: " . secret_file(url($web, "slack/$token")) . "\n"
	  . "  teams:\n    url-file: " . secret_file(url($web, "teams/$token")) . "\n");
tool('backup', '-d', '<!channel> & *bold*');
my ($slack) = grep { $_->{path} eq "/slack/$token" } requests($web);
my ($teams) = grep { $_->{path} eq "/teams/$token" } requests($web);
my $payload = JSON::PP->new->decode($slack->{body});
like($payload->{text}, qr/FAILED: backup of &lt;!channel&gt; &amp; \*bold\*/, 'Slack: a name cannot become a mention');
is($payload->{blocks}[0]{text}{type}, 'plain_text', 'Slack: plain text');
$payload = JSON::PP->new->decode($teams->{body});
is("$payload->{type} $payload->{attachments}[0]{contentType}",
	'message application/vnd.microsoft.card.adaptive', 'Teams: an Adaptive Card');
like($payload->{attachments}[0]{content}{body}[0]{text}, qr/\\\*bold\\\*/, 'Teams: a name cannot become formatting');

# ------------------------------------------------------------------- pings

my $pings = start_sink('web_sink.py');
configure("  ping:\n    url-file: " . secret_file(url($pings, 'uuid')) . "\n");
tool_ok([ 'backup', '-d', 'shop' ], 'a backup with pings');
tool_fails([ 'backup', '-d', 'absent' ], 1, qr/does not exist/, 'one that fails');
my @ping = requests($pings);
is(join(' ', map { (split /\?/, $_->{path})[0] } @ping), '/uuid/start /uuid /uuid/start /uuid/fail', 'start, success, start, failure');
my @rid = map { $_->{path} =~ /\?rid=([0-9a-f-]{36})$/ } @ping;
ok($rid[0] eq $rid[1] && $rid[2] eq $rid[3] && $rid[0] ne $rid[2], 'start and end are paired');
like($ping[3]{body}, qr/does not exist/, 'a failure says why');
tool_ok(['verify'], 'a verification');
is(scalar requests($pings), 4, 'is no backup');

configure("  ping:\n    url-file: " . secret_file("start " . url($pings, 'p/{database}-{kind}?s=run')
	  . "\nsuccess " . url($pings, 'p/{database}-{kind}?s=up')) . "\n");
tool_ok([ 'verify', 'shop' ], 'a verification with an URL that names the kind');
is(join(' ', map { $_->{path} } (requests($pings))[ 4, 5 ]), '/p/shop-verify?s=run /p/shop-verify?s=up', 'has its own');

# A dead ping server costs nothing, and an old ping does not outlive a newer one.
configure("  ping:\n    url-file: " . secret_file(url($pings, 'uuid')) . "\n");
answers($pings, (500) x 8);
tool('backup', '-d', 'shop');
tool('backup', '-d', 'shop');
is(waiting(), 1, 'of two pings about the same, the newer one waits');
stop_sink($pings);

# ------------------------------------------------- crashes, and the queue

configure(webhook_settings($web));
answers($web, 500, 500, 500);
tool('backup', '-d', 'absent');
is(waiting(), 1, 'a message waits');
$already = scalar events($web);
answers($web, 'hang');
my $seen = scalar requests($web);
my $pid = start_tool("$state.log", 'notify', '--flush');
wait_until(sub { scalar requests($web) > $seen });
my $environ = read_bytes("/proc/$pid/environ") . read_bytes("/proc/$pid/cmdline");
unlike($environ, qr/\Q$_\E/, 'no secret is in arguments or environment') for $hmac_key, $token;
kill 'KILL', $pid;
finish_tool($pid);
is(waiting(), 1, 'a message survives kill -9 of who delivers it');
is(tool_json('notify', '--flush')->{delivered}, 1, 'and is delivered');
is(scalar events($web), $already + 1, 'once');
is(waiting(), 0, 'and is gone');

# A failure that waits is delivered before the recovery, though its own next try is later.
create_database('ordered');
query('postgres', 'ALTER DATABASE ordered ALLOW_CONNECTIONS false');
answers($web, (500) x 3);
tool('backup', '-d', 'ordered');
is(waiting(), 1, 'a failure waits');
query('postgres', 'ALTER DATABASE ordered ALLOW_CONNECTIONS true');
answers($web);
$already = scalar events($web);
tool_ok([ 'backup', '-d', 'ordered' ], 'and then all is well');
is(join(' ', map { $_->{event} } (events($web))[ $already .. scalar(events($web)) - 1 ]), 'backup.failed backup.recovered',
	'both arrive, in their order');
query('postgres', 'DROP DATABASE ordered');

# A run that is killed is reported by the next process.
$release = hold_lock('shop', 'item');
$pid = start_tool("$state.log", 'backup', '-d', 'shop');
wait_until(sub { query('postgres', "SELECT count(*) FROM pg_locks WHERE NOT granted") > 0 });
tool_ok(['notify'], 'while it runs');
is((events($web))[-1]{database}, 'ordered', 'nothing is reported');
kill 'KILL', $pid;
finish_tool($pid);
$release->();
tool_ok(['notify'], 'after kill -9');
$event = (events($web))[-1];
is("$event->{event} $event->{database}", 'backup.failed shop', 'the death is reported');
like($event->{error}, qr/was killed/, 'as such');
like($event->{text}, qr/^Last good: +\d{8}T\d{6}Z, /m, 'with the last good backup, from before the notifications');
$already = scalar events($web);
tool_ok(['notify'], 'and');
is(scalar events($web), $already, 'only once');

# Messages that never arrive.
write_bytes($ENV{NEX_BACKUP_CONFIG}, read_bytes($ENV{NEX_BACKUP_CONFIG}) . "  give-up-after: 1\n  repeat-after: 0\n");
answers($web, (500) x 8);
tool('backup', '-d', 'absent');
tool_ok([ 'notify', '--flush' ], 'a message whose time is over');
is(join(' ', map { $_->{state} } @{ tool_json('notify', 'list') }), 'given up', 'is given up, and kept');
my (undef, $doctor) = tool('doctor');
like($doctor, qr/^warning +notifications +1 message could not be delivered and were given up|^warning +notifications +1 message/m, 'doctor speaks of it');
tool_ok([ 'notify', '--discard-dead' ], 'until it is forgotten');
is(scalar @{ tool_json('notify', 'list') }, 0, 'then it is gone');
answers($web);

# ------------------------------------------------------------------ missed

configure(webhook_settings($web));
tool_ok([ 'notify', '--check-missed' ], 'all backups are young');
$already = scalar events($web);
$ENV{NEX_BACKUP_NOTIFY_MISSED_AFTER} = '1s';
sleep 2.1;
tool_ok([ 'notify', '--check-missed' ], 'a backup is too old');
my @missed = grep { $_->{event} eq 'backup.missed' && $_->{database} eq 'shop' } events($web);
is(scalar @missed, 1, 'that is told');
like($missed[0]{command}, qr/^nex_backup backup -d shop --repo/, 'with what to do');
tool_ok([ 'notify', '--check-missed' ], 'and');
is(scalar(grep { $_->{event} eq 'backup.missed' && $_->{database} eq 'shop' } events($web)), 1, 'only once');
tool_ok([ 'backup', '-d', 'shop' ], 'a new backup');
is((events($web))[-1]{event}, 'backup.recovered', 'ends it');

# A set of files and a database of one name are two: the one that is young does not hide the other.
create_database('zz');
tool_ok([ 'backup', '-d', 'zz' ], 'the last database in the list');
write_bytes("$state.conf", "listen = 1\n");
my ($recipient) = tool_ok([ 'keygen', '-o', "$state.key" ], 'a key') =~ /(age1\w+)/;
my @config = ('config', 'backup', '--recipient', $recipient);
tool_ok([ @config, '--set', $_, "$state.conf" ], "a set \"$_\"") for 'old_shop', 'zz';
sleep 3.1;
tool_ok([ @config, '--set', 'zz', "$state.conf" ], 'the set again');
sub missed_of { my ($key, $name) = @_; return grep { $_->{event} eq 'backup.missed' && ($_->{$key} // '') eq $name } events($web); }
tool_ok([ 'notify', '--check-missed', '--notify-missed-after', '2s' ], 'the database is overdue');
is(scalar missed_of(database => 'zz'), 1, 'which is told, although a set of this name is young');
like((tool('doctor'))[1], qr/^warning +last backup +database "zz": /m, 'doctor goes by the same age');
is(scalar missed_of(set => 'zz'), 0, 'and of the set nothing');
my ($set) = missed_of(set => 'old_shop');
like($set->{subject}, qr/MISSED: backup of files of set old_shop on/, 'an old set is called a set');
is($set->{database}, undef, 'and no database');
like($set->{command}, qr/^nex_backup config backup --set=old_shop --repo/, 'with the command for it');
is(scalar missed_of(database => 'old_shop'), 0, 'no database is missed that is none');
like($set->{text}, qr/no more backups of it are wanted.*\n\n    notify-missed-except: \['config\/old_shop'\]\n/,
	'and how to be told no more');
like((missed_of(database => 'zz'))[0]{text}, qr/^    notify-missed-except: \['zz'\]$/m, 'likewise for a database');
# So are their verifications.
my ($manifest) = glob("$repo/config/zz/*.json");
my $undo = damage_file($manifest =~ s/json$/sha256/r, 'flip 10');
$already = scalar events($web);
is((tool('verify'))[0], 3, 'a damaged set');
my @of_zz = grep { ($_->{database} // $_->{set} // '') eq 'zz' } (events($web))[ $already .. scalar(events($web)) - 1 ];
is(join(' ', map { "$_->{event} " . (defined $_->{set} ? 'set' : 'database') } @of_zz), 'verify.failed set', 'is told as a set');
like($of_zz[0]{subject}, qr/FAILED: verify of files of set zz on/, 'in the subject');
like($of_zz[0]{command}, qr/^nex_backup config verify zz --repo/, 'with its command');
$undo->();
is((tool('verify'))[0], 0, 'whole again');
$event = (events($web))[-1];
is("$event->{event} $event->{set}", 'verify.recovered zz', 'which is told, too');

write_bytes($ENV{NEX_BACKUP_CONFIG}, read_bytes($ENV{NEX_BACKUP_CONFIG})
	  . "  missed-except: ['config/old_shop', zz, 'b*']\n  repeat-after: 0\n");
sleep 3.1;
$already = scalar events($web);
tool_ok([ 'notify', '--check-missed', '--notify-missed-after', '2s' ], 'with exceptions');
@missed = (events($web))[ $already .. scalar(events($web)) - 1 ];
is(join(' ', sort map { $_->{set} // $_->{database} } grep { $_->{event} eq 'backup.missed' } @missed), ' absent guarded ordered postgres shop zz',
	'those in notify-missed-except are left out, and nothing else');
is((grep { ($_->{set} // '') eq 'zz' } @missed)[0]{kind}, 'backup', 'as the exception "zz" is a database, not the set');
delete $ENV{NEX_BACKUP_NOTIFY_MISSED_AFTER};

# A database all of whose backups are gone is not forgotten.
{
	my $others = scalar missed_of(database => 'shop');
	create_database('given_up');
	tool_ok([ 'backup', '-d', 'given_up' ], 'a database');
	tool_ok([ 'notify', '--check-missed' ], 'which was seen');
	is(scalar missed_of(database => 'given_up'), 0, 'and is not missed');
	rename "$repo/backups/given_up", "$state.given_up" or die $!;
	tool_ok([ 'notify', '--check-missed' ], 'all its backups are gone') for 1, 2;
	@missed = missed_of(database => 'given_up');
	cmp_ok(scalar @missed, '>=', 1, 'which is told');
	like($missed[0]{text}, qr/^Error: +there is no backup of it any more\n/m, 'as what it is');
	like($missed[0]{text}, qr/THERE MAY BE NO BACKUP/, 'the last one is no help');
	is(scalar missed_of(database => 'shop'), $others, 'nothing is told of the others');
	rename "$state.given_up", "$repo/backups/given_up" or die $!;
	tool_ok([ 'notify', '--check-missed' ], 'they are back');
	is((events($web))[-1]{event} . ' ' . (events($web))[-1]{database}, 'backup.recovered given_up', 'which is told, too');
	$already = scalar events($web);
	rename "$repo/backups/given_up", "$state.given_up" or die $!;
	tool_ok([ 'notify', '--check-missed', '--notify-missed-except', 'given*' ], 'what no backups are wanted of');
	is(scalar(grep { ($_->{database} // '') eq 'given_up' } (events($web))[ $already .. scalar(events($web)) - 1 ]), 0, 'is not told');

	# One that no check has seen: the catalogue knows it.
	if (have_extension())
	{
		query('postgres', 'CREATE EXTENSION nex_backup; CREATE DATABASE noted');
		tool_ok([ 'backup', '-d', 'noted', '--catalogue', 'dbname=postgres' ], 'a backup that the catalogue knows');
		system('rm', '-r', "$repo/backups/noted");
		tool_ok([ 'notify', '--check-missed' ], 'without the catalogue');
		is(scalar missed_of(database => 'noted'), 0, 'nobody knows of it');
		tool_ok([ 'notify', '--check-missed', '--catalogue', 'dbname=postgres' ], 'with the catalogue');
		like((missed_of(database => 'noted'))[0]{text} // '', qr/there is no backup of it any more/, 'it is told');
		query('postgres', 'DROP EXTENSION nex_backup; DROP DATABASE noted');
	}
	query('postgres', 'DROP DATABASE given_up');
}

# ---------------------------------------------------------------- settings

configure("  webhook:\n    url-file: " . secret_file(url($web, $token), 0644) . "\n");
tool_fails([ 'notify', '--test' ], 1, qr/is open to others \(mode 0644, should be 0600\)/, 'a secret that others can read');
configure("  slack:\n    url-file: " . secret_file('http://hooks.example.com/x') . "\n");
tool_fails([ 'notify', '--test' ], 1, qr/it must begin with https:/, 'http to another machine');
configure("  mail:\n    to: |\n      a\@b.c\n      Bcc: d\@e.f\n");
tool_fails([ 'notify', '--test' ], 2, qr/key "notify-mail-to" in file ".*", line 7/, 'an address with a newline');
configure("  mial:\n    to: x\n");
tool_fails([ 'notify', '--test' ], 2, qr/unknown key "notify-mial" in file ".*", line 6/, 'a misspelt key');
configure("  on: failure, sucess\n");
tool_fails([ 'notify', '--test' ], 2, qr/key "notify-on" in file ".*", line 6/, 'a misspelt event');
configure('');
tool_fails([ 'notify', '--test' ], 2, qr/no channel is configured/, 'no channel');
tool_fails([ 'notify', 'lost' ], 2, qr/unknown word "lost"/, 'an unknown word');

waitpid($patient, 0);
my ($result, $seconds, $said) = split(/ /, read_bytes("$held_up/result"), 3);
is($result, 1, 'a failed backup beside a server that accepts and never answers');
cmp_ok($seconds, '<', 25, 'ends soon');
like($said, qr/could not deliver a message to channel "ping", it is tried again later/, 'and says that somebody waits to be told');
close($silent);

done_testing();
