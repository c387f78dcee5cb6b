<?php
// PHP's SQLite3: the scenario, then a fork, as process managers do it.
//
// usage: php -d sqlite3.extension_dir=<directory of the extension> client.php <scenario> <extension> <database>

declare(strict_types=1);

final class Step
{
    public array $values = [];
    public array $rows = [];
    public ?string $error = null;

    public function __construct(public int $line, public string $verb, public string $sql)
    {
    }
}

// A value, and the type to bind it with.
function parseLiteral(string $text): array
{
    return match (true) {
        $text === 'NULL' => [null, SQLITE3_NULL],
        str_starts_with($text, "'") => [substr($text, 1, -1), SQLITE3_TEXT],
        str_starts_with($text, "X'") => [hex2bin(substr($text, 2, -1)), SQLITE3_BLOB],
        str_contains($text, '.') => [(float) $text, SQLITE3_FLOAT],
        default => [(int) $text, SQLITE3_INTEGER],
    };
}

function parseValues(string $text): array
{
    return array_map(parseLiteral(...), explode(' | ', $text));
}

function parseScenario(string $path): array
{
    $steps = [];
    foreach (file($path, FILE_IGNORE_NEW_LINES) as $index => $line) {
        [$word, $text] = explode(' ', $line, 2) + [1 => ''];
        $step = end($steps);
        if (str_starts_with($line, ' ')) {
            $step->sql .= "\n" . $line;
        } elseif ($word === 'with') {
            $step->values = parseValues($text);
        } elseif ($word === 'row') {
            $step->rows[] = array_column(parseValues($text), 0);
        } elseif ($word === 'error') {
            $step->error = $text;
        } elseif (!in_array($word, ['', '#', 'needs'], true)) { // PHP has all that could be needed
            $steps[] = new Step($index + 1, $word, $text);
        }
    }
    return $steps;
}

function connect(string $extension, string $database): SQLite3
{
    $connection = new SQLite3($database);
    $connection->enableExceptions(true);
    $connection->busyTimeout(60000);
    $connection->loadExtension(basename($extension));
    return $connection;
}

function execute(SQLite3 $connection, string $sql, array $values): array
{
    $statement = $connection->prepare($sql);
    foreach ($values as $index => [$value, $type]) {
        $statement->bindValue($index + 1, $value, $type);
    }
    $result = $statement->execute();
    $rows = [];
    // A statement without columns would be run once more by fetchArray().
    while ($result->numColumns() > 0 && ($row = $result->fetchArray(SQLITE3_NUM)) !== false) {
        $rows[] = $row;
    }
    $statement->close();
    return $rows;
}

function fail(string $message): never
{
    fwrite(STDERR, $message . "\n");
    exit(1);
}

function runStatement(SQLite3 $connection, Step $step): void
{
    $where = "line $step->line: $step->sql";
    try {
        $rows = execute($connection, $step->sql, $step->values);
    } catch (Exception $exception) {
        $message = $exception->getMessage();
        if ($step->error === null || !str_contains($message, $step->error)) {
            fail("$where\nexpected error: $step->error\ngot error: $message");
        }
        return;
    }
    if ($step->error !== null || $rows !== $step->rows) {
        fail("$where\nexpected: " . ($step->error ?? var_export($step->rows, true))
            . "\ngot: " . var_export($rows, true));
    }
}

function runScenario(string $path, string $extension, string $database): void
{
    foreach (parseScenario($path) as $step) {
        match ($step->verb) {
            'open' => $connection = connect($extension, $database),
            'close' => $connection->close(),
            'begin', 'commit', 'rollback' => $connection->exec($step->verb),
            'do', 'query' => runStatement($connection, $step),
            default => fail("line $step->line: unknown step $step->verb"),
        };
    }
}

// A forked child may not use the parent's log: it is told so, and the parent goes on.
function runFork(string $extension, string $database): void
{
    $connection = connect($extension, $database);
    $append = "INSERT INTO events(key, value) VALUES ('fork', '{}')";
    $connection->exec($append);
    $child = pcntl_fork();
    if ($child === 0) {
        try {
            $connection->exec($append);
            $outcome = 1;
        } catch (Exception $exception) {
            $outcome = str_contains($exception->getMessage(), 'fork') ? 0 : 2;
        }
        posix_kill(getmypid(), $outcome === 0 ? SIGKILL : SIGTERM); // no clean-up of what is the parent's
    }
    pcntl_waitpid($child, $status);
    if (!pcntl_wifsignaled($status) || pcntl_wtermsig($status) !== SIGKILL) {
        fail("fork: the child's append ended with $status");
    }
    $connection->exec($append);
    $connection->close();
}

if ($argc !== 4) {
    fail('usage: client.php <scenario> <extension> <database>');
}
[, $scenario, $extension, $database] = $argv;
runScenario($scenario, $extension, $database);
runFork($extension, $database);
