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

	"github.com/clusterform/clusterform/internal/lab/hello"
)

// Hello is the sample image's name in the registry.
const Hello = "hello:1"

// samples are the images that are always there: one program, told apart by what it is called by and by its environment. The
// second version of hello makes a rolling update visible; tail is a sidecar.
var samples = [...]struct {
	reference, entrypoint string
	env                   []string
	port                  bool
}{
	{Hello, "/hello", []string{hello.VersionVariable + "=1"}, true},
	{"hello:2", "/hello", []string{hello.VersionVariable + "=2"}, true},
	{"tail:1", "/tail", nil, false},
}

// labelProgram is the label that says which program an image was made from.
const labelProgram = "clusterform.program.sha256"

// EnsureSamples makes the sample images from a static clusterform binary, unless they are there and made from the same one.
func (r *Registry) EnsureSamples(ctx context.Context, binary string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("sample images: %w", err)
	}
	if err := checkStatic(binary); err != nil {
		return fmt.Errorf("sample images: %w", err)
	}
	sum := sha256.Sum256(program)
	digest := hex.EncodeToString(sum[:])
	var layer v1.Layer
	for _, s := range samples {
		if r.madeFrom(ctx, s.reference) == digest {
			continue
		}
		if layer == nil {
			if layer, err = sampleLayer(program); err != nil {
				return fmt.Errorf("sample images: %w", err)
			}
		}
		config := v1.Config{Entrypoint: []string{s.entrypoint}, Env: s.env, User: "65534:65534", Labels: map[string]string{labelProgram: digest}}
		if s.port {
			config.ExposedPorts = map[string]struct{}{"8080/tcp": {}}
		}
		image, err := sampleImage(layer, config)
		if err != nil {
			return fmt.Errorf("sample image %s: %w", s.reference, err)
		}
		if _, err = r.Push(ctx, s.reference, image); err != nil {
			return err
		}
	}
	return nil
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

// sampleLayer holds the program once, under all its names. It is not compressed: on one host, that costs more than it saves.
func sampleLayer(program []byte) (v1.Layer, error) {
	var layer bytes.Buffer
	layer.Grow(len(program) + 4096)
	w := tar.NewWriter(&layer)
	for i, name := range hello.Names {
		h := &tar.Header{Name: name, Mode: 0o755, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if i == 0 {
			h.Size = int64(len(program))
		} else {
			h.Typeflag, h.Linkname = tar.TypeLink, hello.Names[0]
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if i > 0 {
			continue
		}
		if _, err := w.Write(program); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return static.NewLayer(layer.Bytes(), types.OCIUncompressedLayer), nil
}

func sampleImage(layer v1.Layer, config v1.Config) (v1.Image, error) {
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	image, err := mutate.AppendLayers(image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.Architecture, file.OS, file.Config = runtime.GOARCH, "linux", config
	return mutate.ConfigFile(image, file)
}
