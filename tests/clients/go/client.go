// Go's database/sql with mattn/go-sqlite3: the scenario, then goroutines that share a pool of connections.
//
// usage: client <scenario> <extension> <database>
package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/mattn/go-sqlite3"
)

const (
	workers = 4
	appends = 25
)

type step struct {
	line   int
	verb   string
	sql    string
	values []any
	rows   [][]any
	err    string
}

func parseLiteral(text string) (any, error) {
	switch {
	case text == "NULL":
		return nil, nil
	case strings.HasPrefix(text, "'"):
		return text[1 : len(text)-1], nil
	case strings.HasPrefix(text, "X'"):
		return hex.DecodeString(text[2 : len(text)-1])
	case strings.Contains(text, "."):
		return strconv.ParseFloat(text, 64)
	default:
		return strconv.ParseInt(text, 10, 64)
	}
}

func parseValues(text string) ([]any, error) {
	var values []any
	for _, literal := range strings.Split(text, " | ") {
		value, err := parseLiteral(literal)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

func parseScenario(path string) ([]step, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var steps []step
	scanner := bufio.NewScanner(file)
	for number := 1; scanner.Scan(); number++ {
		line := scanner.Text()
		word, text, _ := strings.Cut(line, " ")
		last := len(steps) - 1
		switch {
		case strings.HasPrefix(line, " "):
			steps[last].sql += "\n" + line
		case word == "with":
			steps[last].values, err = parseValues(text)
		case word == "row":
			var row []any
			row, err = parseValues(text)
			steps[last].rows = append(steps[last].rows, row)
		case word == "error":
			steps[last].err = text
		case word == "" || word == "#" || word == "needs": // Go has all that could be needed
		default:
			steps = append(steps, step{line: number, verb: word, sql: text})
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	return steps, scanner.Err()
}

// What runs statements: a connection, or a transaction on it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func query(ctx context.Context, on querier, s step) ([][]any, error) {
	rows, err := on.QueryContext(ctx, s.sql, s.values...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]any
	for rows.Next() {
		row := make([]any, len(columns))
		targets := make([]any, len(columns))
		for i := range row {
			targets[i] = &row[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func runStatement(ctx context.Context, on querier, s step) error {
	rows, err := query(ctx, on, s)
	switch {
	case err != nil && (s.err == "" || !strings.Contains(err.Error(), s.err)):
		return fmt.Errorf("line %d: %s\nexpected error: %q\ngot error: %w", s.line, s.sql, s.err, err)
	case err == nil && s.err != "":
		return fmt.Errorf("line %d: %s\nexpected error: %q\ngot: %v", s.line, s.sql, s.err, rows)
	case err == nil && !reflect.DeepEqual(rows, s.rows):
		return fmt.Errorf("line %d: %s\nexpected: %#v\ngot: %#v", s.line, s.sql, s.rows, rows)
	}
	return nil
}

// A session is one connection out of the pool, for what must come after one another on the same.
type session struct {
	database   *sql.DB
	connection *sql.Conn
	tx         *sql.Tx
}

func (s *session) querier() querier {
	if s.tx != nil {
		return s.tx
	}
	return s.connection
}

func (s *session) open(ctx context.Context, path string) (err error) {
	if s.database, err = openPool(path); err != nil {
		return err
	}
	s.connection, err = s.database.Conn(ctx)
	return err
}

func (s *session) close() error {
	if err := s.connection.Close(); err != nil {
		return err
	}
	return s.database.Close()
}

func (s *session) end(how func(*sql.Tx) error) error {
	tx := s.tx
	s.tx = nil
	return how(tx)
}

func (s *session) run(ctx context.Context, step step, path string) (err error) {
	switch step.verb {
	case "open":
		return s.open(ctx, path)
	case "close":
		return s.close()
	case "begin":
		s.tx, err = s.connection.BeginTx(ctx, nil)
		return err
	case "commit":
		return s.end((*sql.Tx).Commit)
	case "rollback":
		return s.end((*sql.Tx).Rollback)
	case "do", "query":
		return runStatement(ctx, s.querier(), step)
	}
	return fmt.Errorf("line %d: unknown step %s", step.line, step.verb)
}

func runScenario(ctx context.Context, scenario, path string) error {
	steps, err := parseScenario(scenario)
	if err != nil {
		return err
	}
	var s session
	for _, step := range steps {
		if err := s.run(ctx, step, path); err != nil {
			return err
		}
	}
	return nil
}

// The driver loads the extension into each connection of a pool. A statement may come to any of them, so that
// it must show what was written through another: 'latest'.
func register(extension string) {
	sql.Register("sqlite3_streamview", &sqlite3.SQLiteDriver{
		Extensions: []string{extension},
		ConnectHook: func(connection *sqlite3.SQLiteConn) error {
			_, err := connection.Exec("SELECT sv_consistency('latest')", nil)
			return err
		},
	})
}

func openPool(path string) (*sql.DB, error) {
	return sql.Open("sqlite3_streamview", "file:"+path+"?_busy_timeout=60000")
}

// Appends, and finds each of its appends in the view at once, through whichever connections.
func appendAndRead(ctx context.Context, pool *sql.DB, worker string) error {
	for i := 0; i < appends; i++ {
		_, err := pool.ExecContext(ctx,
			"INSERT INTO events(key, value) VALUES (?, json_object('tags', json_array(?, ?)))",
			fmt.Sprintf("%s/%d", worker, i), "concurrent", worker)
		if err != nil {
			return err
		}
		var count int
		row := pool.QueryRowContext(ctx, "SELECT count(*) FROM by_tag WHERE key = ?", worker)
		if err := row.Scan(&count); err != nil {
			return err
		}
		if count != i+1 {
			return fmt.Errorf("%s sees %d of its %d appends", worker, count, i+1)
		}
	}
	return nil
}

func runPool(ctx context.Context, path string) error {
	pool, err := openPool(path)
	if err != nil {
		return err
	}
	done := make(chan error, workers)
	for n := 0; n < workers; n++ {
		go func(n int) { done <- appendAndRead(ctx, pool, fmt.Sprintf("worker %d", n)) }(n)
	}
	for n := 0; n < workers; n++ {
		if failure := <-done; failure != nil {
			err = failure
		}
	}
	if err != nil {
		return err
	}
	var count int
	row := pool.QueryRowContext(ctx, "SELECT count(*) FROM by_tag WHERE key = 'concurrent'")
	if err := row.Scan(&count); err != nil {
		return err
	}
	if count != workers*appends {
		return fmt.Errorf("%d of %d appends are there", count, workers*appends)
	}
	return pool.Close()
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: client <scenario> <extension> <database>")
	}
	register(os.Args[2])
	ctx := context.Background()
	if err := runScenario(ctx, os.Args[1], os.Args[3]); err != nil {
		log.Fatal(err)
	}
	if err := runPool(ctx, os.Args[3]); err != nil {
		log.Fatal("pool: ", err)
	}
}
