// Package kubeconfig puts a cluster's access into the file that kubectl reads, beside what others keep there. What is put in
// is made by the sibling package client.
package kubeconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const (
	// lockWait is how long to wait for another program that is writing the file.
	lockWait = 3 * time.Second
	lockPoll = 50 * time.Millisecond
)

// Merge puts the contexts of data, a kubeconfig, into a file, replacing those of the same names, and makes data's current
// context the file's. What else is there stays. The file is replaced at once, with mode 0600, and made where it is missing; a
// link stays one.
func Merge(file string, data []byte) error {
	added, err := clientcmd.Load(data)
	if err != nil {
		return fmt.Errorf("the kubeconfig to merge cannot be read: %w", err)
	}
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	unlock, err := lock(file + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	merged, err := read(file)
	if err != nil {
		return err
	}
	for name, c := range added.Clusters {
		merged.Clusters[name] = c
	}
	for name, u := range added.AuthInfos {
		merged.AuthInfos[name] = u
	}
	for name, c := range added.Contexts {
		merged.Contexts[name] = c
	}
	merged.CurrentContext = added.CurrentContext
	out, err := clientcmd.Write(*merged)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return replace(file, out)
}

func read(file string) (*api.Config, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return api.NewConfig(), nil
	}
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.Load(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not changed, as it cannot be read as a kubeconfig: %w. Repair it, or name another file", file, err)
	}
	return config, nil
}

// replace writes beside the file and renames.
func replace(file string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.Rename(tmp.Name(), file)
}

// lock takes the lock file that kubectl takes, too.
func lock(path string) (unlock func(), err error) {
	for deadline := time.Now().Add(lockWait); ; time.Sleep(lockPoll) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = f.Close()
			return func() { _ = os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("another program is writing the file: %s exists. Delete it if none is", path)
		}
	}
}
