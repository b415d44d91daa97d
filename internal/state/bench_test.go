package state

import (
	"context"
	"fmt"
	"testing"
)

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := open(b, b.TempDir())
			fill(b, f, n)
			b.SetBytes(int64(len(readBytes(b, f.Path()))))
			b.ReportAllocs()
			for b.Loop() {
				s, err := f.Read(context.Background())
				if err != nil || len(s.Records) != n+1 {
					b.Fatal(len(s.Records), err)
				}
			}
		})
	}
}

// BenchmarkReplay loads a state that is all journal, as after a crash in the first run.
func BenchmarkReplay(b *testing.B) {
	f := open(b, b.TempDir())
	f.compactRunning = 1 << 40
	s := lock(b, f)
	for i := range 10_000 {
		commit(b, s, Put(nodeRecord(i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Read(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExport(b *testing.B) {
	f := open(b, b.TempDir())
	fill(b, f, 10_000)
	s, err := f.Read(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Export(s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit is an intent and its outcome, durable, as one caller waits for them; and from 64 at once.
func BenchmarkCommit(b *testing.B) {
	change := func(s *Session, i int) error {
		a := nodeAddress(i)
		if err := s.Commit(context.Background(), true, Intent(launchIntent(a))); err != nil {
			return err
		}
		return s.Commit(context.Background(), false, Put(nodeRecord(i)), CloseIntents(a))
	}
	for _, sync := range []bool{true, false} {
		withSync := func(o *Options) { o.NoSync = !sync }
		b.Run(fmt.Sprintf("serial/fsync=%v", sync), func(b *testing.B) {
			s := lock(b, open(b, b.TempDir(), withSync))
			for i := 0; b.Loop(); i++ {
				if err := change(s, i%1000); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("parallel/fsync=%v", sync), func(b *testing.B) {
			s := lock(b, open(b, b.TempDir(), withSync))
			b.SetParallelism(64)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if err := change(s, i%1000); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkSnapshotAfterCommit(b *testing.B) {
	f := open(b, b.TempDir())
	fill(b, f, 10_000)
	s := lock(b, f)
	for b.Loop() {
		commit(b, s, Put(nodeRecord(1)))
		if s.Snapshot().Records[nodeAddress(1)] == nil {
			b.Fatal("missing")
		}
	}
}
