package operate

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// mergeKubeconfig puts the contexts of data into a kubeconfig file, beside those that are there, and makes data's current
// one the current one. The file is replaced as a whole and readable by its owner only.
func mergeKubeconfig(path string, data []byte) error {
	add, err := clientcmd.Load(data)
	if err != nil {
		return err
	}
	all, err := clientcmd.LoadFromFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		all = clientcmdapi.NewConfig()
	case err != nil:
		return fmt.Errorf("%s is no kubeconfig, so nothing was put into it: %w; name another with -file", path, err)
	}
	maps.Copy(all.Clusters, add.Clusters)
	maps.Copy(all.AuthInfos, add.AuthInfos)
	maps.Copy(all.Contexts, add.Contexts)
	all.CurrentContext = add.CurrentContext
	out, err := clientcmd.Write(*all)
	if err != nil {
		return err
	}
	return replaceFile(path, out)
}

// replaceFile writes beside the file and renames: a kubectl that reads it meanwhile sees the old or the new one.
func replaceFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
