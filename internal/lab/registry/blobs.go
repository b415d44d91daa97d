package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	upstream "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// blobs are files named by their digest: those pushed, and those of image layouts elsewhere on the disk. What is served is
// not hashed again: whoever pulls does that.
type blobs struct {
	upstream.BlobPutHandler
	own string

	mu   sync.Mutex
	more []string // directories with blobs of layouts
}

// newBlobs keeps what is pushed in dir.
func newBlobs(dir string) (*blobs, error) {
	put, ok := upstream.NewDiskBlobHandler(dir).(upstream.BlobPutHandler)
	if !ok {
		return nil, errors.New("image registry: the library's store does not take blobs")
	}
	return &blobs{BlobPutHandler: put, own: dir}, nil
}

func (b *blobs) open(h v1.Hash) (*os.File, error) {
	b.mu.Lock()
	dirs := append([]string{b.own}, b.more...)
	b.mu.Unlock()
	if h.Algorithm != "sha256" || len(h.Hex) != 64 {
		return nil, upstream.ErrNotFound
	}
	for _, dir := range dirs {
		f, err := os.Open(filepath.Join(dir, h.Algorithm, h.Hex))
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, upstream.ErrNotFound
}

// Get opens a blob.
func (b *blobs) Get(_ context.Context, _ string, h v1.Hash) (io.ReadCloser, error) {
	return b.open(h)
}

// Stat gives a blob's size in bytes.
func (b *blobs) Stat(_ context.Context, _ string, h v1.Hash) (int64, error) {
	f, err := b.open(h)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("blob %s: %w", h, err)
	}
	return info.Size(), nil
}

func (b *blobs) add(dir string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.more = append(b.more, dir)
}
