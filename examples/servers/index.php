<?php
// Notes by author, with PHP's SQLite3: in PHP-FPM, or
//
//   DATABASE=app.db PHP_CLI_SERVER_WORKERS=2 php -S 127.0.0.1:8000 index.php

declare(strict_types=1);

// PHP closes it at the end of the request.
$db = new SQLite3(getenv('DATABASE'));
$db->enableExceptions(true);
$db->busyTimeout(10000);
$db->loadExtension(getenv('STREAMVIEW') ?: 'streamview.so'); // in sqlite3.extension_dir
$db->exec("SELECT sv_consistency('latest')");

function notesBy(SQLite3 $db, string $author): array
{
    $query = $db->prepare('SELECT doc_id AS id, value AS text, seq FROM notes_by_author WHERE key = ?');
    $query->bindValue(1, $author);
    $result = $query->execute();
    $notes = [];
    while ($row = $result->fetchArray(SQLITE3_ASSOC)) {
        $notes[] = $row;
    }
    return ['pid' => getmypid(), 'notes' => $notes];
}

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $body = file_get_contents('php://input');
    $note = json_decode($body, flags: JSON_THROW_ON_ERROR);
    $append = $db->prepare('INSERT INTO notes(key, value) VALUES (?, ?)');
    $append->bindValue(1, $note->id);
    $append->bindValue(2, $body);
    $append->execute();
    $author = $note->author;
} else {
    $author = $_GET['author'];
}
header('Content-Type: application/json');
echo json_encode(notesBy($db, $author));
