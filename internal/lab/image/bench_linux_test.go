package image

import (
	"os"
	"testing"
)

// The image from nothing, as the first lab of a host makes it.
func BenchmarkBuildCold(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	for b.Loop() {
		if _, err := Build(b.Context(), Options{CacheDir: b.TempDir(), Progress: func(line string) { b.Log(line) }}); err != nil {
			b.Fatal(err)
		}
	}
}
