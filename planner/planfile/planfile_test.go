package planfile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zclconf/go-cty/cty"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/planfile"
	"github.com/clusterform/clusterform/planner/resource"
)

// testKey seals by turning every byte around, which is enough to see what was sealed.
type testKey string

func (k testKey) Seal(plain []byte) (string, error) {
	out := bytes.Clone(plain)
	for i := range out {
		out[i] ^= 0xff
	}
	return string(k) + hex.EncodeToString(out), nil
}

func (k testKey) Open(sealed string) ([]byte, error) {
	rest, ok := strings.CutPrefix(sealed, string(k))
	if !ok {
		return nil, errors.New("another key")
	}
	out, err := hex.DecodeString(rest)
	for i := range out {
		out[i] ^= 0xff
	}
	return out, err
}

func (k testKey) MAC(data []byte) string {
	h := hmac.New(sha256.New, []byte(k))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

func (k testKey) Verify(data []byte, mac string) bool {
	return hmac.Equal([]byte(k.MAC(data)), []byte(mac))
}

const (
	key    = testKey("this directory's")
	marker = "hush-hush-marker"
	files  = `
variable "secret" {
  type      = string
  sensitive = true
}

variable "size" {
  type    = number
  default = 2
}

cluster "lab" {
  orchestrator = "kubernetes"
  version      = "1.34.4"
  region       = "ap-northeast-2"
}

node_pool "worker" {
  cluster   = cluster.lab
  size      = var.size
  user_data = "#!/bin/sh\necho ${cluster.lab.endpoint}"
}

output "secret" {
  value     = var.secret
  sensitive = true
}
`
)

type lookup struct{}

func (lookup) Zones(context.Context, string) ([]string, error) {
	return []string{"ap-northeast-2a"}, nil
}
func (lookup) Image(context.Context, string, string) (string, error) { return "ami-1", nil }

func load(t testing.TB, dir string) *hclconfig.Configuration {
	t.Helper()
	cfg, diags := hclconfig.Load(dir, hclconfig.Options{Vars: []hclconfig.VarSource{{Origin: hclconfig.VarFlag, Name: "secret", Text: marker}}})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	return cfg
}

// saved is a plan with creations, unknown values, user-data and a sensitive variable.
func saved(t testing.TB) *planfile.Saved {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.cluster.hcl"), []byte(files), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := load(t, dir)
	p, diags := planner.Make(t.Context(), planner.Request{
		Config: cfg, Lookup: lookup{}, Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), ToolVersion: "0.1.0", NewUID: func() string { return "0123456789abcdef" },
	})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	p.Drift = []planner.Drift{{Address: "cluster.lab.vpc", Kind: resource.KindVPC, ID: "vpc-1", Fields: []resource.FieldChange{
		{Path: "dns_support", Old: true, New: false, Effect: resource.EffectUpdate}, {Path: "tags.a", Old: "x", Effect: resource.EffectUpdate},
	}}, {Address: "node_pool.worker[0]", Kind: resource.KindNode, ID: "i-1", Fields: []resource.FieldChange{
		{Path: "disk_gib", Old: 20, New: 30, Effect: resource.EffectRoll},
		{Path: "security_groups", Old: []resource.Ref{"a.b"}, New: []resource.Ref{"a.c", "sg-1"}, Effect: resource.EffectUpdate},
	}}}
	return &planfile.Saved{Plan: p, Sources: cfg.Sources(), Variables: cfg.Variables()}
}

func written(t testing.TB, s *planfile.Saved) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := planfile.Write(&b, s, key); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := saved(t)
	got, err := planfile.Read(bytes.NewReader(written(t, s)), key)
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.Options{
		cmpopts.EquateEmpty(), cmp.Comparer(func(a, b cty.Value) bool { return a.RawEquals(b) }), cmp.Comparer(func(a, b cty.Type) bool { return a.Equals(b) }),
	}
	if diff := cmp.Diff(s.Plan, got.Plan, same); diff != "" {
		t.Errorf("plan (-written +read):\n%s", diff)
	}
	if diff := cmp.Diff(s.Variables, got.Variables, same); diff != "" {
		t.Errorf("variables (-written +read):\n%s", diff)
	}
	if diff := cmp.Diff(s.Sources.WithoutVariables(), got.Sources, same); diff != "" {
		t.Errorf("sources (-written +read):\n%s", diff)
	}
	if got.ConfigDigest == "" || got.ConfigDigest == got.VariablesDigest || got.ConfigDigest != s.ConfigDigest {
		t.Errorf("digests: %q, %q", got.ConfigDigest, got.VariablesDigest)
	}
}

// The configuration in the file is all that is needed to plan the same again.
func TestConfigurationFromTheFile(t *testing.T) {
	t.Parallel()
	s := saved(t)
	got, err := planfile.Read(bytes.NewReader(written(t, s)), key)
	if err != nil {
		t.Fatal(err)
	}
	var vars []hclconfig.VarSource
	for _, v := range got.Variables {
		if !v.Default {
			vars = append(vars, hclconfig.VarSource{Origin: hclconfig.VarValue, Name: v.Name, Value: v.Value})
		}
	}
	cfg, diags := hclconfig.Load(t.TempDir(), hclconfig.Options{Snapshot: &got.Sources, Vars: vars})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	p, diags := planner.Make(t.Context(), planner.Request{Config: cfg, Lookup: lookup{}, NewUID: func() string { return "0123456789abcdef" }})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	if len(p.Steps) != len(got.Plan.Steps) {
		t.Errorf("%d steps, want %d", len(p.Steps), len(got.Plan.Steps))
	}
}

// unpacked is what anybody can read of a file.
func unpacked(t testing.TB, data []byte) []byte {
	t.Helper()
	_, packed, _ := bytes.Cut(data, []byte("\n"))
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestNoSecretInClear(t *testing.T) {
	t.Parallel()
	plain := unpacked(t, written(t, saved(t)))
	if bytes.Contains(plain, []byte(marker)) {
		t.Error("the sensitive variable is in the file in clear")
	}
	if bytes.Contains(plain, []byte("variable \\\"size\\\"")) {
		t.Error("the configuration is in the file in clear")
	}
}

func TestEveryChangedByteIsRefused(t *testing.T) {
	t.Parallel()
	data := written(t, saved(t))
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if _, err := planfile.Read(bytes.NewReader(bad), key); err == nil {
			t.Fatalf("byte %d of %d was changed and the file taken", i, len(data))
		}
	}
}

func TestEveryTruncationIsRefused(t *testing.T) {
	t.Parallel()
	data := written(t, saved(t))
	for n := range len(data) {
		_, err := planfile.Read(bytes.NewReader(data[:n]), key)
		if want := planfile.ErrTruncated; n > 0 && !errors.Is(err, want) {
			t.Fatalf("cut off after %d bytes: %v, want %v", n, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	data := written(t, saved(t))
	newer := bytes.Replace(data, []byte(`"format_version":"1.0"`), []byte(`"format_version":"2.0"`), 1)
	for name, story := range map[string]struct {
		data []byte
		key  testKey
		want error
	}{
		"empty":              {nil, key, planfile.ErrForeign},
		"a state file":       {[]byte("{\n  \"version\": 4,\n  \"terraform_version\": \"1.11.4\"\n}\n"), key, planfile.ErrForeign},
		"a zip file":         {[]byte("PK\x03\x04 and so on"), key, planfile.ErrForeign},
		"another key":        {data, "somebody else's", planfile.ErrOtherKey},
		"something appended": {append(bytes.Clone(data), "x"...), key, planfile.ErrTampered},
		"the last byte":      {append(bytes.Clone(data[:len(data)-1]), data[len(data)-1]^1), key, planfile.ErrTampered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := planfile.Read(bytes.NewReader(story.data), story.key); !errors.Is(err, story.want) {
				t.Errorf("err is %v, want %v", err, story.want)
			}
		})
	}
	t.Run("a newer format", func(t *testing.T) {
		t.Parallel()
		_, err := planfile.Read(bytes.NewReader(newer), key)
		e, ok := errors.AsType[*planfile.NewerError](err)
		if !ok || e.File != "2.0" || e.Known != "1.0" || e.Tool != "0.1.0" {
			t.Errorf("err is %v", err)
		}
	})
}

func FuzzRead(f *testing.F) {
	data := written(f, saved(f))
	f.Add(data)
	f.Add(data[:100])
	f.Add([]byte(`{"format":"clusterform-plan","format_version":"1.0","key":"","length":-1}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := planfile.Read(bytes.NewReader(b), key); err == nil && (s.Plan == nil || !bytes.Equal(b, data)) {
			t.Error("a file that nobody wrote was taken")
		}
	})
}
