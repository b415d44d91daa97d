package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
)

// journal keeps the store in a file: one line per call that changed something, each a JSON array of records. A line is
// written before its call is answered, so killing the process loses nothing that was acknowledged; a torn last line is a
// call that never was. The file is rewritten when most of it is out of date.
type journal struct {
	path string
	lock *flock.Flock
	file *os.File
	log  *slog.Logger
	size int64 // bytes in the file
	base int64 // bytes after it was last rewritten
	buf  bytes.Buffer
}

const (
	journalName    = "state.jsonl"
	rewriteFrom    = 8 << 20 // bytes below which the file is never rewritten
	rewriteFactor  = 4       // rewritten when this many times its rewritten size
	rewriteRecords = 512     // records per line of a rewritten file
)

type journalRecord struct {
	Kind  string          `json:"k"`
	ID    string          `json:"i"`
	Value json.RawMessage `json:"v,omitempty"` // absent: deleted
}

// openJournal reads dir into the store and keeps it open for writing.
func openJournal(dir string, db *store, log *slog.Logger) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lab state: %w", err)
	}
	j := &journal{path: filepath.Join(dir, journalName), lock: flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600)), log: log}
	ok, err := j.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lab state: lock %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("lab state: %s is in use by another lab; stop that one or choose another directory", dir)
	}
	if err := j.open(db); err != nil {
		return nil, errors.Join(err, j.lock.Unlock())
	}
	return j, nil
}

func (j *journal) open(db *store) error {
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lab state: %w", err)
	}
	good, err := replay(f, db)
	if err != nil {
		f.Close()
		return fmt.Errorf("lab state %s: %w", j.path, err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end > good {
		j.log.Warn("dropped the torn end of the lab's state", "file", j.path, "bytes", end-good)
		err = f.Truncate(good)
	}
	if err == nil {
		_, err = f.Seek(good, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("lab state: %w", err)
	}
	db.changed = nil
	j.file, j.size, j.base = f, good, good
	return nil
}

// replay applies every whole line and returns how many bytes they are.
func replay(r io.Reader, db *store) (good int64, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil
		}
		if err != nil {
			return good, err
		}
		var records []journalRecord
		if err := json.Unmarshal(line, &records); err != nil {
			return good, fmt.Errorf("line %d is damaged (%w); remove the lab's directory to start anew", n, err)
		}
		for _, rec := range records {
			t := db.tables[rec.Kind]
			if t == nil {
				return good, fmt.Errorf("line %d holds records of kind %q, which this version does not know", n, rec.Kind)
			}
			if err := t.load(rec.ID, rec.Value); err != nil {
				return good, fmt.Errorf("line %d: %w", n, err)
			}
		}
		good += int64(len(line))
	}
}

// append writes what changed since the last call.
func (j *journal) append(db *store) error {
	if len(db.changed) == 0 {
		return nil
	}
	done := make(map[change]bool, len(db.changed))
	j.buf.Reset()
	for _, ch := range db.changed {
		if done[ch] {
			continue
		}
		done[ch] = true
		if err := j.encode(ch.table, ch.id); err != nil {
			return err
		}
	}
	if err := j.flush(j.file); err != nil {
		return err
	}
	if j.size > rewriteFrom && j.size > rewriteFactor*j.base {
		return j.rewrite(db)
	}
	return nil
}

func (j *journal) encode(t anyTable, id string) error {
	if j.buf.Len() == 0 {
		j.buf.WriteByte('[')
	} else {
		j.buf.WriteByte(',')
	}
	rec := journalRecord{Kind: t.name(), ID: id}
	if v, live := t.encode(id); live {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("lab state: record %s %s: %w", t.name(), id, err)
		}
		rec.Value = raw
	}
	line, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("lab state: record %s %s: %w", t.name(), id, err)
	}
	j.buf.Write(line)
	return nil
}

func (j *journal) flush(w io.Writer) error {
	if j.buf.Len() == 0 {
		return nil
	}
	j.buf.WriteString("]\n")
	n, err := w.Write(j.buf.Bytes())
	j.size += int64(n)
	j.buf.Reset()
	if err != nil {
		return fmt.Errorf("lab state: %w", err)
	}
	return nil
}

// rewrite replaces the file by one that holds only what is.
func (j *journal) rewrite(db *store) error {
	tmp, err := os.OpenFile(j.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("lab state: %w", err)
	}
	old := j.size
	j.size = 0
	err = j.writeAll(tmp, db)
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		j.size = old
		tmp.Close()
		return fmt.Errorf("lab state: rewrite %s: %w", j.path, err)
	}
	j.file.Close()
	j.file, j.base = tmp, j.size
	return nil
}

func (j *journal) writeAll(w io.Writer, db *store) error {
	for _, kind := range slices.Sorted(maps.Keys(db.tables)) {
		n := 0
		for id := range db.tables[kind].ids() {
			if err := j.encode(db.tables[kind], id); err != nil {
				return err
			}
			if n++; n%rewriteRecords == 0 {
				if err := j.flush(w); err != nil {
					return err
				}
			}
		}
		if err := j.flush(w); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) close() error {
	return errors.Join(j.file.Sync(), j.file.Close(), j.lock.Unlock())
}
