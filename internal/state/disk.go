package state

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	fileMode = 0o600
	// tempSuffix is of files on their way to their place. Their names need not be unique: only the lock's holder writes.
	tempSuffix = ".tmp"
)

// disk does the file operations, with or without fsync.
type disk struct{ noSync bool }

func (d disk) sync(f *os.File) error {
	if d.noSync {
		return nil
	}
	return f.Sync()
}

// syncDir makes a rename in the directory of path durable.
func (d disk) syncDir(path string) error {
	if d.noSync {
		return nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// writeTemp writes a new file beside path, durable and not renamed yet, and returns its name.
func (d disk) writeTemp(path string, data []byte) (string, error) {
	temp := path + tempSuffix
	// What a killed run left there is not reused: it could be a link to elsewhere, or readable by others.
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(temp)
		return "", err
	}
	return temp, nil
}

// removeTemps removes what a killed run left half-way.
func (f *File) removeTemps() error {
	for _, path := range []string{f.path, f.journalPath, f.backupPath} {
		if err := os.Remove(path + tempSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// rename puts temp in the place of path, durably.
func (d disk) rename(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		_ = os.Remove(temp)
		return err
	}
	return d.syncDir(path)
}

// replace is writeTemp and rename.
func (d disk) replace(path string, data []byte) error {
	temp, err := d.writeTemp(path, data)
	if err != nil {
		return err
	}
	return d.rename(temp, path)
}

// keepCopy makes to another name of the file from, which is never written in place; a copy where links are not possible.
func (d disk) keepCopy(from, to string) error {
	temp := to + tempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, temp) == nil {
		// A snapshot that came from elsewhere may be readable by others; its backup is not.
		if err := os.Chmod(temp, fileMode); err != nil {
			return err
		}
		if err := d.rename(temp, to); err != nil {
			return err
		}
		// Where to is another name of the same file already, a rename does nothing.
		if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return d.replace(to, data)
}

// readFile reads a whole regular file; a missing one is nil without an error. os.ReadFile would grow its buffer for files
// that grow meanwhile, a journal's writer being at work; what was there at the beginning is enough.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	data := make([]byte, info.Size())
	n, err := io.ReadFull(f, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return data[:n], err
}
