#!/usr/bin/ruby
# Ruby's sqlite3: the scenario, then threads with a connection each.
#
# usage: client.rb <scenario> <extension> <database>

require 'sqlite3'

WORKERS = 4
APPENDS = 25

Step = Struct.new(:line, :verb, :sql, :values, :rows, :error)

def parse_literal(text)
  case text
  when 'NULL' then nil
  when /\A'(.*)'\z/m then Regexp.last_match(1)
  when /\AX'(.*)'\z/ then SQLite3::Blob.new([Regexp.last_match(1)].pack('H*'))
  when /\./ then Float(text)
  else Integer(text)
  end
end

def parse_values(text)
  text.split(' | ').map { |value| parse_literal(value) }
end

def parse_scenario(path)
  steps = []
  File.foreach(path, chomp: true, encoding: 'UTF-8').with_index(1) do |line, number|
    word, text = line.split(' ', 2)
    case
    when line.start_with?(' ') then steps.last.sql += "\n#{line}"
    when word == 'with' then steps.last.values = parse_values(text)
    when word == 'row' then steps.last.rows << parse_values(text)
    when word == 'error' then steps.last.error = text
    when [nil, '#', 'needs'].include?(word) then next # Ruby has all that could be needed
    else steps << Step.new(number, word, text, [], [], nil)
    end
  end
  steps
end

def connect(extension, database)
  connection = SQLite3::Database.new(database)
  connection.busy_timeout = 60_000
  connection.enable_load_extension(true)
  connection.load_extension(extension)
  connection.enable_load_extension(false)
  connection
end

def run_statement(connection, step)
  rows = connection.execute(step.sql, step.values)
  return if step.error.nil? && rows == step.rows

  abort "line #{step.line}: #{step.sql}\nexpected: #{step.error || step.rows}\ngot: #{rows}"
rescue SQLite3::Exception => e
  return if step.error && e.message.include?(step.error)

  abort "line #{step.line}: #{step.sql}\nexpected error: #{step.error}\ngot error: #{e.message}"
end

def run_scenario(path, extension, database)
  connection = nil
  parse_scenario(path).each do |step|
    case step.verb
    when 'open' then connection = connect(extension, database)
    when 'close' then connection.close
    when 'begin' then connection.transaction
    when 'commit' then connection.commit
    when 'rollback' then connection.rollback
    when 'do', 'query' then run_statement(connection, step)
    else abort "line #{step.line}: unknown step #{step.verb}"
    end
  end
end

# Appends, and finds each of its appends in the view at once.
def append_and_read(extension, database, worker)
  connection = connect(extension, database)
  APPENDS.times do |i|
    connection.execute(
      "INSERT INTO events(key, value) VALUES (?, json_object('tags', json_array(?, ?)))",
      ["#{worker}/#{i}", 'concurrent', worker]
    )
    count = connection.get_first_value('SELECT count(*) FROM by_tag WHERE key = ?', [worker])
    raise "#{worker} sees #{count} of its #{i + 1} appends" if count != i + 1
  end
  connection.close
end

def run_threads(extension, database)
  threads = Array.new(WORKERS) do |n|
    Thread.new { append_and_read(extension, database, "worker #{n}") }
  end
  threads.each(&:join)
  connection = connect(extension, database)
  count = connection.get_first_value("SELECT count(*) FROM by_tag WHERE key = 'concurrent'")
  connection.close
  abort "threads: #{count} of #{WORKERS * APPENDS} appends are there" if count != WORKERS * APPENDS
end

abort 'usage: client.rb <scenario> <extension> <database>' if ARGV.size != 3
scenario, extension, database = ARGV
run_scenario(scenario, extension, database)
run_threads(extension, database)
