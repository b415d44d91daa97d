package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

const (
	// Env is the environment variable with the key itself; it goes before the file.
	Env = "CLUSTERFORM_SEAL_KEY"
	// FileName is that of the key file in the directory given to Load.
	FileName = "seal.key"
)

// ErrNoKey says that there is neither the variable nor the file.
var ErrNoKey = errors.New("there is no sealing key")

// Load reads the key from environ (as os.Environ gives it), or else from seal.key in dir (normally ".clusterform"). It is
// an ErrNoKey when there is none: then nothing was sealed here yet, or the key was left elsewhere.
func Load(dir string, environ []string) (*Key, error) {
	if text, ok := lookup(environ, Env); ok && strings.TrimSpace(text) != "" {
		return Parse(text, Env)
	}
	path := filepath.Join(dir, FileName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: neither is %s set, nor is there %s; copy it from where the values were sealed", ErrNoKey, Env, path)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the sealing key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the sealing key %s can be read by others (mode %04o): `chmod 600 %s`, and think of the values sealed "+
			"with it as known", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the sealing key: %w", err)
	}
	return Parse(string(text), path)
}

// Ensure is Load, but makes a key when there is none: dir and in it seal.key, readable by its owner only, with a
// .gitignore that keeps the directory out of version control. Of two processes at once, both get the same key.
func Ensure(dir string, environ []string) (*Key, error) {
	k, err := Load(dir, environ)
	if !errors.Is(err, ErrNoKey) {
		return k, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make a sealing key: %w", err)
	}
	if err := ignore(dir); err != nil {
		return nil, fmt.Errorf("cannot make a sealing key: %w", err)
	}
	if err := create(filepath.Join(dir, FileName)); err != nil {
		return nil, fmt.Errorf("cannot make a sealing key: %w", err)
	}
	return Load(dir, environ)
}

// create writes a new key under a name of its own and links it to path: never half, and never over another one.
func create(path string) error {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), FileName+".*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "# Seals sensitive values of this directory's state and plans. Keep it, and keep it secret.\n# public key: %s\n%s\n",
		identity.Recipient(), identity)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// ignore writes the .gitignore unless there is one.
func ignore(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, ".gitignore"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString("*\n")
	return errors.Join(err, f.Close())
}

func lookup(environ []string, name string) (string, bool) {
	value, found := "", false
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok && k == name {
			value, found = v, true // the last one counts, as in exec
		}
	}
	return value, found
}
