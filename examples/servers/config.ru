# Notes by author, with Rack.
#
#   DATABASE=app.db puma --workers 2 --threads 2:2 config.ru

require 'json'
require 'rack'
require 'sqlite3'

# The connection of this thread, opened by its first request: after Puma has forked.
def database
  Thread.current.thread_variable_get(:database) || connect.tap do |db|
    Thread.current.thread_variable_set(:database, db)
  end
end

def connect
  db = SQLite3::Database.new(ENV.fetch('DATABASE'))
  db.busy_timeout(10_000)
  db.enable_load_extension(true)
  db.load_extension(ENV.fetch('STREAMVIEW', 'streamview'))
  db.enable_load_extension(false)
  db.execute("SELECT sv_consistency('latest')")
  db
end

def notes_by(author)
  rows = database.execute('SELECT doc_id, value, seq FROM notes_by_author WHERE key = ?', [author])
  { pid: Process.pid, notes: rows.map { |id, text, seq| { id: id, text: text, seq: seq } } }
end

def add_note(body)
  note = JSON.parse(body)
  database.execute('INSERT INTO notes(key, value) VALUES (?, ?)', [note['id'], body])
  notes_by(note['author'])
end

run(lambda do |env|
  request = Rack::Request.new(env)
  body = String.new(request.body.read, encoding: Encoding::UTF_8) # else it would be bound as a BLOB
  result = request.get? ? notes_by(request.params['author']) : add_note(body)
  [200, { 'Content-Type' => 'application/json' }, [JSON.generate(result)]]
end)
