// Notes by author, with net/http and mattn/go-sqlite3.
//
//	DATABASE=app.db ADDRESS=127.0.0.1:8000 server
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/mattn/go-sqlite3"
)

type note struct {
	Id     string `json:"id"`
	Author string `json:"author,omitempty"`
	Text   string `json:"text"`
	Seq    int64  `json:"seq"`
}

// A pool: what is done here is done for each of its connections.
func open(database, extension string) (*sql.DB, error) {
	sql.Register("streamview", &sqlite3.SQLiteDriver{
		Extensions: []string{extension},
		ConnectHook: func(connection *sqlite3.SQLiteConn) error {
			_, err := connection.Exec("SELECT sv_consistency('latest')", nil)
			return err
		},
	})
	return sql.Open("streamview", "file:"+database+"?_busy_timeout=10000")
}

func notesBy(db *sql.DB, author string) ([]note, error) {
	rows, err := db.Query("SELECT doc_id, value, seq FROM notes_by_author WHERE key = ?", author)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	notes := []note{}
	for rows.Next() {
		var n note
		if err := rows.Scan(&n.Id, &n.Text, &n.Seq); err != nil {
			return nil, err
		}
		notes = append(notes, n)
	}
	return notes, rows.Err()
}

func answer(db *sql.DB, request *http.Request) ([]note, error) {
	if request.Method == http.MethodGet {
		return notesBy(db, request.URL.Query().Get("author"))
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	var n note
	if err := json.Unmarshal(body, &n); err != nil {
		return nil, err
	}
	if _, err := db.Exec("INSERT INTO notes(key, value) VALUES (?, ?)", n.Id, string(body)); err != nil {
		return nil, err
	}
	return notesBy(db, n.Author)
}

func main() {
	extension := os.Getenv("STREAMVIEW")
	if extension == "" {
		extension = "streamview"
	}
	db, err := open(os.Getenv("DATABASE"), extension)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/notes", func(response http.ResponseWriter, request *http.Request) {
		notes, err := answer(db, request)
		if err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		response.Header().Set("Content-Type", "application/json")
		json.NewEncoder(response).Encode(map[string]any{"pid": os.Getpid(), "notes": notes})
	})

	server := &http.Server{Addr: os.Getenv("ADDRESS")}
	stopped := make(chan struct{})
	go func() {
		stop, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		<-stop.Done()
		server.Shutdown(context.Background())
		close(stopped)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-stopped
	if err := db.Close(); err != nil {
		log.Fatal(err)
	}
}
