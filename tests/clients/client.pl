#!/usr/bin/perl
# Perl's DBD::SQLite: the scenario, then processes. Perl's threads do not share libraries such as this one,
# and its programs fork instead.
#
# usage: client.pl <scenario> <extension> <database>

use strict;
use warnings;
use utf8;
use open qw(:std :encoding(UTF-8));

use DBI qw(:sql_types);
use DBD::SQLite;

sub parse_literal {
  my ($text) = @_;
  return [undef, SQL_VARCHAR] if $text eq 'NULL';
  return [$1, SQL_VARCHAR] if $text =~ /^'(.*)'$/;
  return [pack('H*', $1), SQL_BLOB] if $text =~ /^X'(.*)'$/;
  return [$text + 0, $text =~ /\./ ? SQL_REAL : SQL_INTEGER];
}

sub parse_values { return [map { parse_literal($_) } split / \| /, $_[0]] }

sub parse_scenario {
  my ($path) = @_;
  my @steps;
  open my $file, '<', $path or die "$path: $!\n";
  while (my $line = <$file>) {
    chomp $line;
    my ($word, $text) = $line =~ /^(\S*) ?(.*)$/;
    if ($line =~ /^ /) { $steps[-1]{sql} .= "\n$line" }
    elsif ($word eq 'with') { $steps[-1]{values} = parse_values($text) }
    elsif ($word eq 'row') { push @{$steps[-1]{rows}}, parse_values($text) }
    elsif ($word eq 'error') { $steps[-1]{error} = $text }
    elsif ($word !~ /^(#|needs|)$/) {  # Perl has all that could be needed
      push @steps, {line => $., verb => $word, sql => $text, values => [], rows => []};
    }
  }
  return @steps;
}

sub open_database {
  my ($extension, $database) = @_;
  my $dbh = DBI->connect("dbi:SQLite:dbname=$database", '', '',
    {RaiseError => 1, PrintError => 0, AutoCommit => 1,
     sqlite_string_mode => DBD::SQLite::Constants::DBD_SQLITE_STRING_MODE_UNICODE_STRICT});
  $dbh->sqlite_busy_timeout(60000);
  $dbh->sqlite_enable_load_extension(1);
  $dbh->sqlite_load_extension($extension);
  $dbh->sqlite_enable_load_extension(0);
  return $dbh;
}

sub execute {
  my ($dbh, $sql, $values) = @_;
  my $statement = $dbh->prepare($sql);
  my $i = 0;
  $statement->bind_param(++$i, @$_) for @$values;
  $statement->execute;
  return $statement->{NUM_OF_FIELDS} ? $statement->fetchall_arrayref : [];
}

# Values print alike where they are alike; Perl tells no types apart.
sub show {
  return join "\n", map { join ' | ', map { $_ // 'NULL' } @$_ } @_;
}

sub run_statement {
  my ($dbh, $step) = @_;
  my $rows = eval { execute($dbh, $step->{sql}, $step->{values}) };
  my $actual = $rows ? show(@$rows) : "error: $@";
  if (defined $step->{error}) {
    return if !$rows && index($@, $step->{error}) >= 0;
    die "line $step->{line}: $step->{sql}\nexpected error: $step->{error}\ngot: $actual\n";
  }
  my $expected = show(map { [map { $_->[0] } @$_] } @{$step->{rows}});
  return if $rows && $actual eq $expected;
  die "line $step->{line}: $step->{sql}\nexpected: $expected\ngot: $actual\n";
}

sub run_scenario {
  my ($path, $extension, $database) = @_;
  my $dbh;
  for my $step (parse_scenario($path)) {
    my $verb = $step->{verb};
    if ($verb eq 'open') { $dbh = open_database($extension, $database) }
    elsif ($verb eq 'close') { $dbh->disconnect }
    elsif ($verb eq 'begin') { $dbh->begin_work }
    elsif ($verb eq 'commit') { $dbh->commit }
    elsif ($verb eq 'rollback') { $dbh->rollback }
    elsif ($verb =~ /^(do|query)$/) { run_statement($dbh, $step) }
    else { die "line $step->{line}: unknown step $verb\n" }
  }
}

# While a process has a log open, another appends to it by way of that one; thereafter by itself.
sub run_processes {
  my ($extension, $database) = @_;
  my $append = "INSERT INTO events(key, value) VALUES ('process', '{}')";
  my $other = sub {
    open my $pipe, '-|', 'sh', '-c', 'exec sqlite3 -cmd ".load $1" "$2" "$3" 2>&1', 'sh',
      $extension, $database, "$append; SELECT holder FROM sv_status WHERE kind = 'log'" or die "sqlite3: $!\n";
    local $/;
    return scalar <$pipe>;
  };
  my $dbh = open_database($extension, $database);
  $dbh->do($append);
  my $holder = $other->();
  die "processes: not held by $$: $holder\n" if $holder ne "$$\n";
  $dbh->disconnect;
  my $itself = $other->();
  die "processes: $itself\n" if $itself !~ /^\d+\n$/ || $itself eq "$$\n";
}

die "usage: client.pl <scenario> <extension> <database>\n" if @ARGV != 3;
my ($scenario, $extension, $database) = @ARGV;
run_scenario($scenario, $extension, $database);
run_processes($extension, $database);
