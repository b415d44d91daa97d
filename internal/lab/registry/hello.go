package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Hello is the sample image's name in the registry.
const Hello = "hello:1"

// labelProgram is the label that says which program an image was made from.
const labelProgram = "clusterform.program.sha256"

// EnsureHello makes the sample image from a static clusterform binary, unless it is there and made from the same one.
func (r *Registry) EnsureHello(ctx context.Context, binary string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("sample image %s: %w", Hello, err)
	}
	if err := checkStatic(binary); err != nil {
		return fmt.Errorf("sample image %s: %w", Hello, err)
	}
	sum := sha256.Sum256(program)
	digest := hex.EncodeToString(sum[:])
	if r.madeFrom(ctx, Hello) == digest {
		return nil
	}
	image, err := helloImage(program, digest)
	if err != nil {
		return fmt.Errorf("sample image %s: %w", Hello, err)
	}
	_, err = r.Push(ctx, Hello, image)
	return err
}

func (r *Registry) madeFrom(ctx context.Context, reference string) string {
	ref, err := Reference(reference)
	if err != nil {
		return ""
	}
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithTransport(inProcess{r}))
	if err != nil {
		return ""
	}
	config, err := image.ConfigFile()
	if err != nil {
		return ""
	}
	return config.Config.Labels[labelProgram]
}

// checkStatic refuses a program that needs a dynamic loader: the image holds nothing else.
func checkStatic(binary string) error {
	f, err := elf.Open(binary)
	if err != nil {
		return fmt.Errorf("%s is not a Linux program: %w", binary, err)
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is dynamically linked and cannot run alone in an image; build it with `make build` (CGO_ENABLED=0)", binary)
		}
	}
	return nil
}

// helloImage has one uncompressed layer: on one host, compressing costs more than it saves.
func helloImage(program []byte, digest string) (v1.Image, error) {
	var layer bytes.Buffer
	layer.Grow(len(program) + 4096)
	w := tar.NewWriter(&layer)
	err := w.WriteHeader(&tar.Header{Name: "hello", Mode: 0o755, Size: int64(len(program)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR})
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	image, err = mutate.AppendLayers(image, static.NewLayer(layer.Bytes(), types.OCIUncompressedLayer))
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.Architecture, config.OS = runtime.GOARCH, "linux"
	config.Config = v1.Config{
		Entrypoint:   []string{"/hello"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		User:         "65534:65534",
		Labels:       map[string]string{labelProgram: digest},
	}
	return mutate.ConfigFile(image, config)
}
