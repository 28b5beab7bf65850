# NexBackup::Forge
#   Puts another text into a member of a backup, with all lengths, digests and seals right: what a
#   repository looks like that an older version has written, or that somebody wrote into.
package NexBackup::Forge;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Path qw(make_path);
use JSON::PP ();
use NexBackup::Test;

our @EXPORT = qw(drop_dependencies forge_member member_text reseal);

# The manifest of a backup that is neither compressed nor encrypted, and the path of an object of it.
sub load
{
	my ($repo, $backup) = @_;
	my $manifest = JSON::PP->new->utf8->decode(read_bytes("$repo/$backup.json"));

	die "$backup is compressed" if $manifest->{codec} ne 'none';
	return $manifest;
}

sub object_path
{
	my ($id) = @_;
	return 'objects/' . substr($id, 0, 2) . "/$id.sql";
}

sub member_of
{
	my ($manifest, $kind) = @_;
	my ($member) = grep { $_->{kind} eq $kind } @{ $manifest->{members} };

	return $member // die "no member $kind";
}

sub member_json
{
	my ($member) = @_;
	my $json = JSON::PP->new->utf8;

	return '{' . join(',',
		map { qq("$_":) . (ref $member->{$_} || $_ eq 'kind' ? $json->allow_nonref->encode($member->{$_}) : $member->{$_}) }
		grep { exists $member->{$_} } qw(kind object offset length raw table rows blocks)) . '}';
}

# The text of the only member of a kind.
sub member_text
{
	my ($repo, $backup, $kind) = @_;
	my $manifest = load($repo, $backup);
	my $member = member_of($manifest, $kind);
	my $object = read_bytes("$repo/" . object_path($manifest->{objects}[ $member->{object} ]{id}));

	return substr($object, $member->{offset}, $member->{length});
}

# Put another text into a sealed file that we write, with a good seal.
sub reseal
{
	my ($path, $change) = @_;
	my $text = read_bytes($path);

	$text =~ s/,\n"seal": "[0-9a-f]{64}"\n\}\n\z// or die "$path: no seal";
	$text = $change->($text);
	write_bytes($path, $text . qq(,\n"seal": ") . sha256_hex($text) . qq("\n}\n));
	return;
}

# Put another text in its place; $backup is "backups/DB/ID" or "globals/ID".
sub forge_member
{
	my ($repo, $backup, $kind, $text) = @_;
	my $manifest = load($repo, $backup);

	forge($repo, $backup, $manifest, member_of($manifest, $kind), $text);
	return;
}

# Take away the dependencies that the archive does not have, which earlier versions did not write.
sub drop_dependencies
{
	my ($repo, $backup) = @_;
	my $manifest = load($repo, $backup);
	my (undef, $member) = grep { $_->{kind} eq 'archive' } @{ $manifest->{members} };

	forge($repo, $backup, $manifest, $member // die('no dependencies'), undef);
	return;
}

# Undefined: without the member.
sub forge
{
	my ($repo, $backup, $manifest, $member, $new) = @_;
	my $text = $new // '';
	my $object = $manifest->{objects}[ $member->{object} ];
	my $old = $object->{id};
	my $content = read_bytes("$repo/" . object_path($old));
	my $more = length($text) - $member->{length};

	substr($content, $member->{offset}, $member->{length}) = $text;
	for my $other (@{ $manifest->{members} })
	{
		$other->{offset} += $more
		  if $other->{object} == $member->{object} && $other->{offset} > $member->{offset};
	}
	$member->{length} = $member->{raw} = length $text;
	$object->{id} = sha256_hex($content);
	$object->{bytes} = length $content;
	$manifest->{totals}{raw_bytes} += $more;
	$manifest->{totals}{stored_bytes} += $more;
	$manifest->{tool} = '0.2.0';
	if (!defined $new)
	{
		$manifest->{members} = [ grep { $_ != $member } @{ $manifest->{members} } ];
		$manifest->{totals}{members}--;
		die 'other members are in its object' if length $content;
		splice @{ $manifest->{objects} }, $member->{object}, 1;
		$manifest->{totals}{objects}--;
		$_->{object}-- for grep { $_->{object} > $member->{object} } @{ $manifest->{members} };
	}
	make_path(dirname("$repo/" . object_path($object->{id})));
	write_bytes("$repo/" . object_path($object->{id}), $content);

	my $line = defined $new ? "$object->{id}  " . object_path($object->{id}) . "\n" : '';
	(my $listing = read_bytes("$repo/$backup.sha256")) =~ s/^\Q$old\E  .*\n/$line/m;
	write_bytes("$repo/$backup.sha256", $listing);
	delete $manifest->{seal};

	# A line a member, its keys in the order in which the program writes them.
	my $members = delete $manifest->{members};
	my $json = JSON::PP->new->utf8->encode($manifest);
	$json =~ s/\}\z// or die;
	$json .= ',"members": [' . join(',', map { "\n" . member_json($_) } @$members) . "\n]";
	write_bytes("$repo/$backup.json", $json . qq(,\n"seal": ") . sha256_hex($json) . qq("\n}\n));
	unlink "$repo/$backup.verified";
	return;
}

1;
