//go:build linux

// Package hostlimit raises kernel settings that are too small for a lab's machines and puts them back when the last
// lab that asked is gone. What it changed is on record in the host's run directory, so that another process can put
// it back after a lab was killed.
package hostlimit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Limits finds the settings and the record; the zero value is not usable, New is.
type Limits struct {
	proc   string
	record string
}

// New returns the limits of this host, recorded in a directory that does not outlive a boot.
func New(runDir string) Limits {
	return Limits{proc: "/proc/sys", record: filepath.Join(runDir, "limits.json")}
}

// raised is one setting that was changed.
type raised struct {
	Before int64            `json:"before"`
	Now    int64            `json:"now"`
	Labs   map[string]int64 `json:"labs"` // what each lab asked for
}

// Raise makes each setting (a path below /proc/sys, such as "fs/inotify/max_user_instances") at least as large as
// asked. Settings that this kernel does not have are passed over. One that cannot be written is an error naming it and
// the value it needs.
func (l Limits) Raise(lab string, want map[string]int64) error {
	return l.update(func(all map[string]*raised) error {
		var errs []error
		for _, key := range slices.Sorted(maps.Keys(want)) {
			now, err := l.read(key)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			entry := all[key]
			if now >= want[key] && entry == nil {
				continue // large enough without us
			}
			if now < want[key] {
				if err := l.write(key, want[key]); err != nil {
					errs = append(errs, fmt.Errorf("%w; run `sysctl -w %s=%d` where that is allowed", err, strings.ReplaceAll(key, "/", "."), want[key]))
					continue
				}
				if entry == nil {
					entry = &raised{Before: now, Labs: map[string]int64{}}
					all[key] = entry
				}
				entry.Now = want[key]
			}
			entry.Labs[lab] = want[key]
		}
		return errors.Join(errs...)
	})
}

// Release puts back what was raised for a lab, as far as no other lab needs it and nobody else changed it since.
func (l Limits) Release(lab string) error {
	if _, err := os.Stat(l.record); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return l.update(func(all map[string]*raised) error {
		var errs []error
		for key, entry := range all {
			delete(entry.Labs, lab)
			if len(entry.Labs) > 0 {
				continue
			}
			delete(all, key)
			if now, err := l.read(key); err == nil && now == entry.Now {
				errs = append(errs, l.write(key, entry.Before))
			}
		}
		return errors.Join(errs...)
	})
}

// update changes the record under its lock. The record is written before the settings are put to use by anybody else
// and also when the change failed half-way: what was done must be known.
func (l Limits) update(change func(map[string]*raised) error) error {
	if err := os.MkdirAll(filepath.Dir(l.record), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(l.record+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	all := map[string]*raised{}
	if data, err := os.ReadFile(l.record); err == nil {
		if err := json.Unmarshal(data, &all); err != nil {
			return fmt.Errorf("read %s: %w; remove it if no lab runs", l.record, err)
		}
	}
	changeErr := change(all)
	if len(all) == 0 {
		err = os.Remove(l.record)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return errors.Join(changeErr, err)
	}
	data, err := json.Marshal(all)
	if err != nil {
		return errors.Join(changeErr, err)
	}
	if err := os.WriteFile(l.record+".new", data, 0o600); err != nil {
		return errors.Join(changeErr, err)
	}
	return errors.Join(changeErr, os.Rename(l.record+".new", l.record))
}

func (l Limits) read(key string) (int64, error) {
	data, err := os.ReadFile(filepath.Join(l.proc, key))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

func (l Limits) write(key string, value int64) error {
	if err := os.WriteFile(filepath.Join(l.proc, key), []byte(strconv.FormatInt(value, 10)), 0o644); err != nil {
		return fmt.Errorf("set %s to %d: %w", strings.ReplaceAll(key, "/", "."), value, err)
	}
	return nil
}
