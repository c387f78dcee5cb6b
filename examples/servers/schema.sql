PRAGMA journal_mode = WAL;
CREATE VIRTUAL TABLE IF NOT EXISTS notes USING sv_log;
CREATE VIRTUAL TABLE IF NOT EXISTS notes_by_author USING sv_view(
  log = notes, emit = '$.author', value = '$.text');
